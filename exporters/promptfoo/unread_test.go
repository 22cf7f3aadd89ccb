package promptfoo

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
)

// What changes a suite's outcome and is in none of its cases is named, wherever it stands.
func TestUnread(t *testing.T) {
	_, rep := export(t, write(t, `prompts: [{raw: "{{x}}", label: p, config: {tools: []}}]
evaluateOptions: {repeat: 3, maxConcurrency: 2, filterRange: "0:9", filterSample: 1}
commandLineOptions: {repeat: 1, filterRange: "0:9", filterSample: 3, vars: more.csv, filterPattern: x}
providers:
  - {id: echo, label: e, config: {temperature: 0}, transform: output.x, prompts: [p]}
  - openai:gpt: {transform: output.y, config: {temperature: 1}}
defaultTest: {options: {repeat: 2, response_format: {type: json_object}}}
tests:
  - {vars: {x: 1}, options: {storeOutputAs: got, prefix: P}, metadata: {any: thing}}
  - {vars: {x: 1}, providerOutput: given, provider: echo}
  - {vars: {x: 1}, prompts: [p, not there]}
  - {vars: {x: 1}, assert: {type: equals, value: y}, options: [repeat]}
scenarios: [{config: [{vars: {x: 1}, options: {repeat: 4}}], tests: [{options: {repeat: 5}}]}]
redteam: {purpose: x}
`))
	got := map[string]string{}
	for _, g := range rep.Gaps {
		got[g.Place] = g.Detail
	}
	const runner, noPlace = "it changes answers before they are judged: have the runner do it", "a case has no place for it: have the runner ask so"
	want := map[string]string{
		"evaluateOptions.repeat": "run the cases with --runs 3", "evaluateOptions.filterRange": some, "commandLineOptions.filterRange": some, "commandLineOptions.filterSample": some,
		"commandLineOptions.vars": outside, "prompts[0].config": noPlace, "providers[0].transform": runner,
		"providers[0].prompts":              "this provider gets some of the prompts alone; a case is made of each of them",
		"providers[1].openai:gpt.transform": runner, "defaultTest.options.repeat": "run the cases with --runs 2", "defaultTest.options.response_format": noPlace,
		"tests[0].options.storeOutputAs": "later tests use its answer, and each case stands alone", "tests[1].providerOutput": "the answer is given: the case is run all the same",
		"tests[2].prompts": "it names a prompt that is not in the file", "scenarios[0].config[0].options.repeat": "run the cases with --runs 4",
		"tests[3].assert": "it is no list, which promptfoo refuses: nothing is expected by it", "tests[3].options": "it is no mapping, and is not read",
		"scenarios[0].tests[0].options.repeat": "run the cases with --runs 5", "redteam": "promptfoo makes its tests when it runs",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if rep.Verdict.Coverage != agentstate.Gaps {
		t.Error(rep.Verdict)
	}
}

// A suite makes the cases that promptfoo makes of it. interop/harness asks the real one the same.
func TestMade(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		want []string
	}{
		"lists of texts":     {"prompts: ['{{x}}']\ntests: [{vars: {x: [a, 2, true]}}]\n", []string{"a", "2", "true"}},
		"other lists":        {"prompts: ['{{y}}']\ntests: [{vars: {x: [1, 2], z: [[a], [b]], y: k}}]\n", []string{"k"}},
		"no tests":           {"prompts: [A, B]\ntests: []\n", []string{"A", "B"}},
		"a scenario alone":   {"prompts: [A]\ntests: []\nscenarios: [{config: [{vars: {x: 1}}]}]\n", nil},
		"a group of prompts": {"prompts: [A, {raw: B, label: 'g:1'}, {raw: C, label: 'g:2'}, {raw: D, label: gg}]\ntests: [{vars: {x: 1}, prompts: [g]}, {vars: {x: 2}, prompts: ['g*']}]\n", []string{"B", "C", "B", "C", "D"}},
		"no prompts":         {"prompts: [A]\ntests: [{vars: {x: 1}, prompts: []}, {vars: {x: 2}}]\n", []string{"A"}},
		"an empty prefix":    {"prompts: [A]\ndefaultTest: {options: {prefix: P, suffix: S}}\ntests: [{options: {prefix: ''}}]\n", []string{"PAS"}},
		"numbers":            {"prompts: ['{{a}} {{b}} {{c}} {{d}} {{e}}']\ntests: [{vars: {a: 1.50, b: 12345678901234567890, c: 1e3, d: 010, e: 1_000}}]\n", []string{"1.5 12345678901234567000 1000 10 1_000"}},
	} {
		s, err := parse([]byte(c.yaml))
		if err != nil {
			t.Fatal(name, err)
		}
		doc, err := understand(s)
		if err != nil {
			t.Fatal(name, err)
		}
		var got []string
		for _, c := range doc.cases {
			got = append(got, c.input.Text)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
