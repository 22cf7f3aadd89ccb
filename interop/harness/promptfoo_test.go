package harness

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// evals is a dump of OpenAI evals whose rows are what the model here is asked.
const evals = `{"object":"list","has_more":false,"data":[{"object":"eval","id":"eval_1","name":"Orders","testing_criteria":[
 {"type":"string_check","name":"is it","operation":"eq","input":"{{sample.output_text}}","reference":"{{item.answer}}"},
 {"type":"string_check","name":"has it","operation":"ilike","input":"{{sample.output_text}}","reference":"{{item.word}}"}]},
 {"object":"eval.run.output_item","id":"o1","run_id":"r1","eval_id":"eval_1","datasource_item":{"answer":"Hello.","word":"HELLO"},"results":[{"passed":true}],
  "sample":{"input":[{"role":"system","content":"You serve a {{ shop }}."},{"role":"user","content":"Good day {% to you %}"}],"output":[{"content":"Hello."}]}},
 {"object":"eval.run.output_item","id":"o2","run_id":"r1","eval_id":"eval_1","datasource_item":{"answer":"I do not know.","word":"know"},"results":[{"passed":true}],
  "sample":{"input":[{"role":"user","content":"Which order did I ask about?"}],"output":[{"content":"I do not know."}]}}]}`

// stats is what promptfoo counted.
func stats(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Results struct {
			Stats struct{ Successes, Failures, Errors int }
		}
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	s := out.Results.Stats
	return fmt.Sprintf("%d passed, %d failed, %d errors", s.Successes, s.Failures, s.Errors)
}

// promptfoo evaluates a suite, with the model of env.
func promptfoo(t *testing.T, suite string) (args []string, out string) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "out.json")
	return []string{filepath.Join(folder(t), "node_modules", ".bin", "promptfoo"), "eval", "-c", suite, "--no-cache", "--no-write", "-j", "1", "-o", out}, out
}

// Evals that were dumped go out as a suite that the real promptfoo runs: with the model, and without
// it against what was recorded. A suite that expects something else fails.
func TestPromptfoo(t *testing.T) {
	dir := t.TempDir()
	dump, archive, suite, cassette := filepath.Join(dir, "evals.json"), filepath.Join(dir, "e.ctxa"), filepath.Join(dir, "suite.yaml"), filepath.Join(dir, "c.ctxa")
	if err := os.WriteFile(dump, []byte(evals), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "", nil, exitramp(), "export", "openaievals:"+dump, archive)
	must(t, "", nil, exitramp(), "replay", archive, "promptfoo:"+suite, "--accept-unsigned")
	args, out := promptfoo(t, suite)
	url, stop := model(t)
	r := run(t, dir, nil, exitramp(), append([]string{"record", "--upstream", url, "-o", cassette, "--"}, args...)...)
	if got := stats(t, out); r.code != 0 || got != "2 passed, 0 failed, 0 errors" {
		t.Fatalf("with the model: exit code %d, %s\n%s%s", r.code, got, r.out, r.err)
	}
	stop()
	if r := run(t, dir, nil, exitramp(), append([]string{"play", cassette, "--accept-unsigned", "--"}, args...)...); r.code != 0 || stats(t, out) != "2 passed, 0 failed, 0 errors" {
		t.Fatalf("without it: exit code %d, %s\n%s%s", r.code, stats(t, out), r.out, r.err)
	}
	b, err := os.ReadFile(suite)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.yaml")
	if err := os.WriteFile(other, []byte(strings.Replace(string(b), "value: Hello.", "value: Goodbye.", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	args, out = promptfoo(t, other)
	if run(t, dir, nil, exitramp(), append([]string{"play", cassette, "--accept-unsigned", "--"}, args...)...); stats(t, out) != "1 passed, 1 failed, 0 errors" {
		t.Errorf("a suite that expects something else: %s", stats(t, out))
	}
}

// promptfoo and exitramp judge the same answers alike, case by case.
func TestJudgesAgree(t *testing.T) {
	const agent = "application/json"
	cases := []struct {
		form, media, value string
		passes             bool
	}{
		{"tool_called", agent, `{"name":"lookup_order"}`, true},
		{"tool_called", agent, `{"name":"lookup_order","arguments":{"order_id":"A-1041"}}`, true},
		{"tool_called", agent, `{"name":"lookup_order","arguments":{"order_id":"A-1042"}}`, false},
		{"tool_called", agent, `{"name":"lookup_order","arguments":{}}`, false},
		{"tool_called", agent, `{"name":"refund"}`, false},
		{"tool_called", agent, `{"only":["lookup_order"]}`, true},
		{"tool_called", agent, `{"only":["lookup_order","refund"]}`, false},
	}
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	suite := "prompts: ['{{question}}']\ntests:\n"
	for i := range cases {
		suite += fmt.Sprintf("  - {description: case %d, vars: {question: 'Where is A-1041?'}, assert: [{type: equals, value: x}]}\n", i)
	}
	if err := os.WriteFile(path("base.yaml"), []byte(suite), 0o600); err != nil {
		t.Fatal(err)
	}
	// Lines are how cases come in that no tool has written.
	must(t, "", nil, exitramp(), "export", "promptfoo:"+path("base.yaml"), path("base.ctxa"))
	must(t, "", nil, exitramp(), "unpack", path("base.ctxa"), path("lines"))
	edit(t, path("lines/origin.jsonl"), func(_ int, m map[string]any) { m["product"] = "by hand" })
	edit(t, path("lines/testcase.jsonl"), func(i int, m map[string]any) {
		c := cases[i]
		value := map[string]any{"media_type": c.media, "inline": []byte(c.value)}
		m["expectations"] = []any{map[string]any{"form": c.form, "value": value}}
	})
	must(t, "", nil, exitramp(), "pack", path("lines"), path("cases.ctxa"))
	must(t, "", nil, exitramp(), "replay", path("cases.ctxa"), "promptfoo:"+path("cases.yaml"), "--accept-unsigned")

	url, _ := model(t)
	r := run(t, "", nil, exitramp(), "test", path("cases.ctxa"), "--accept-unsigned", "--runner", url, "--model", "fixed", "--json")
	var ours struct {
		Scores struct {
			Tasks []struct {
				Name   string
				Target struct{ Passed int }
			}
		}
	}
	if err := json.Unmarshal([]byte(r.out), &ours); err != nil || len(ours.Scores.Tasks) != len(cases) {
		t.Fatalf("%v: %s%s", err, r.out, r.err)
	}
	args, out := promptfoo(t, path("cases.yaml"))
	run(t, "", []string{"OPENAI_BASE_URL=" + url}, args[0], args[1:]...)
	theirs := outcomes(t, out)
	for i, c := range cases {
		name := fmt.Sprintf("case %d", i)
		if got := ours.Scores.Tasks[i]; got.Name != name || got.Target.Passed == 1 != c.passes {
			t.Errorf("exitramp: %s %+v, want %v of %s", name, got, c.passes, c.value)
		}
		if got, ok := theirs[name]; !ok || got != c.passes {
			t.Errorf("promptfoo: %s %v %v, want %v of %s", name, got, ok, c.passes, c.value)
		}
	}
}

// edit changes every line of a file of JSON lines.
func edit(t *testing.T, file string, fn func(i int, m map[string]any)) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, l := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		var m map[string]any
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			t.Fatal(err)
		}
		fn(i, m)
		j, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(j))
	}
	if err := os.WriteFile(file, []byte(strings.Join(out, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// outcomes are the cases of promptfoo's results, by description.
func outcomes(t *testing.T, file string) map[string]bool {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Results struct {
			Results []struct {
				Success  bool
				TestCase struct{ Description string }
			}
		}
	}
	if err := json.Unmarshal(b, &in); err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, r := range in.Results.Results {
		out[r.TestCase.Description] = r.Success
	}
	return out
}
