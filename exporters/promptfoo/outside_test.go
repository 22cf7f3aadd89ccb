package promptfoo

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a suite takes from other files is named wherever it stands, and once.
func TestOutside(t *testing.T) {
	_, rep := export(t, write(t, `prompts: [{id: "file://p.txt", label: p}, "{{x}}"]
nunjucksFilters: {shout: ./shout.js}
extensions: ["file://hooks.js:hook", "package:@acme/hooks:beforeEach"]
providers:
  - id: openai:gpt
    config: {tools: "file://tools.json", note: "see file://inside"}
defaultTest:
  options: {transform: "file://t.js", rubricPrompt: "file://r.txt"}
tests:
  - vars: {x: "file://x.txt", list: ["file://a.txt", plain], deep: {of: "file://b.txt"}}
    assert:
      - {type: javascript, value: "file://a.js:f"}
      - {type: is-json, value: {$ref: other.json}}
      - {type: is-json, value: {$ref: "#/definitions/x"}}
      - {type: javascript, value: "output.includes('file://')"}
  - "file://more.yaml"
`))
	var got []string
	for _, g := range rep.Gaps {
		got = append(got, g.Place)
	}
	want := []string{"tests[0].assert[2].value.$ref", "prompts[0]", "tests[0].vars.x", "tests[1]", "defaultTest.options.rubricPrompt", "defaultTest.options.transform", "extensions[0]", "extensions[1]", "nunjucksFilters.shout",
		"providers[0].config.tools", "tests[0].assert[0].value", "tests[0].assert[1].value.$ref", "tests[0].vars.deep.of", "tests[0].vars.list[0]"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A prompt that a service keeps, and a variable that a program gives, are not what is sent. A prompt without any text makes no case.
func TestNamedElsewhere(t *testing.T) {
	src := write(t, `prompts: ["langfuse://support@production:chat", "portkey://pp-1", "helicone://id:1.2", {raw: "Say {{x}}"}, {id: technical, content: My app}, {label: billing, text: A bill}]
tests: [{vars: {x: "package:@acme/vars:name"}, assert: [{type: equals, value: "package:@acme/want:f"}]}]
`)
	_, rep := export(t, src)
	var got []string
	for _, g := range rep.Gaps {
		got = append(got, g.Place+" "+g.Reason.String())
	}
	want := []string{"prompts[0] REASON_GONE", "prompts[1] REASON_GONE", "prompts[2] REASON_GONE", "prompts[4] REASON_UNSPECIFIED", "prompts[5] REASON_UNSPECIFIED", "tests[0].vars.x REASON_GONE"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	all := strings.Join(lines(t, src), "\n")
	if strings.Count(all, `"template"`) != 4 || strings.Contains(all, `"text"`) || strings.Contains(all, "exact ") || strings.Contains(all, "technical") {
		t.Error(all)
	}
}

// A judge is told by whom and by what words promptfoo would have judged, and only where a model does.
func TestGrader(t *testing.T) {
	got := strings.Join(lines(t, write(t, `prompts: [hello]
defaultTest: {options: {rubricPrompt: be strict, provider: "openai:judge"}}
tests:
  - assert: [{type: llm-rubric, value: polite}, {type: not-similar, value: x, provider: own}, {type: latency, threshold: 5}]
`)), "\n")
	want := `{"provider":"openai:judge","rubricPrompt":"be strict","type":"llm-rubric","value":"polite"}
  judge application/json {"provider":"own","rubricPrompt":"be strict","type":"not-similar","value":"x"}
  judge application/json {"threshold":5,"type":"latency"}`
	if !strings.HasSuffix(got, want) {
		t.Error(got)
	}
}

// Variables that are made anew before they are filled in: only promptfoo knows the text and what it is judged by.
func TestTransformVars(t *testing.T) {
	src := write(t, `prompts: ["Say {{x}}"]
tests: [{vars: {x: a}, options: {transformVars: "{...vars, x: 'b'}"}, assert: [{type: equals, value: "{{x}}"}]}]
`)
	got := strings.Join(lines(t, src), "\n")
	if !strings.Contains(got, `{"template":"Say {{x}}"`) || !strings.Contains(got, "judge ") || strings.Contains(got, "exact ") {
		t.Error(got)
	}
	p, err := src.Preflight(t.Context())
	if err != nil || len(p.Notes) != 2 {
		t.Errorf("%v %v", p, err)
	}
}

// What promptfoo looks for in files is no text to send: functions of programs, scripts, folders and patterns. A sentence is.
func TestPromptsInFiles(t *testing.T) {
	src := write(t, `prompts: ["prompts/f.py:build", "f.js:build", "gen.sh", "prompts/*", "prompts/", "**", "my prompts/f.py:build", "Is 3*4 a/b of {{x}}?", "Mind a.py: it ends", "What is sh.", "Say {{x}}/no", "a.md: b"]
tests: [{vars: {x: a}}]
`)
	_, rep := export(t, src)
	var got []string
	for _, g := range rep.Gaps {
		got = append(got, g.Place)
	}
	if d := cmp.Diff([]string{"prompts[0]", "prompts[1]", "prompts[2]", "prompts[3]", "prompts[4]", "prompts[5]", "prompts[6]"}, got); d != "" {
		t.Error(d)
	}
	all := strings.Join(lines(t, src), "\n")
	// What is said before and behind does not make one the other.
	around := strings.Join(lines(t, write(t, `prompts: [a/f.py, Hi]
tests: [{options: {prefix: "Now: ", suffix: " Be short."}}, {options: {suffix: /no_think}}, {options: {suffix: "file://s.txt"}}]
`)), "\n")
	if strings.Count(around, `"template"`) != 4 || strings.Contains(around, `"text":"Now: a`) || !strings.Contains(around, `"text":"Hi/no_think"`) {
		t.Error(around)
	}
	if strings.Count(all, `"template"`) != 7 || strings.Count(all, `"text"`) != 5 {
		t.Error(all)
	}
}
