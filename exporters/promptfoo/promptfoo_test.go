package promptfoo

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/exportertest"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const sample = "testdata/promptfooconfig.yaml"

// TestConformance is what every driver has to pass. A file is one record and the rest are views, so
// a record of it that was changed leaves nothing that undo could take away: TestUndo looks at that.
func TestConformance(t *testing.T) {
	exportertest.Run(t, exportertest.Harness{
		Open: func(context.Context) (agentstate.Source, error) { return Open(sample), nil },
		Target: func(context.Context) (replay.Target, error) {
			return Open(filepath.Join(t.TempDir(), "copy.yaml")), nil
		},
	})
}

func write(t testing.TB, text string) *Suite {
	t.Helper()
	p := filepath.Join(t.TempDir(), "promptfooconfig.yaml")
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Open(p)
}

func export(t testing.TB, src agentstate.Source) (*memstate.State, *agentstate.Report) {
	t.Helper()
	mem := &memstate.State{}
	rep, err := agentstate.Copy(t.Context(), mem, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	return mem, rep
}

// lines is a suite as a person would list it.
func lines(t testing.TB, src agentstate.Source) []string {
	t.Helper()
	mem, _ := export(t, src)
	tasks, err := harness.Tasks(t.Context(), mem, "")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, k := range tasks {
		out = append(out, k.Name+" | "+string(k.Input))
		for _, e := range k.Expect {
			out = append(out, "  "+e.Form+" "+e.MediaType+" "+string(e.Value))
		}
	}
	return out
}

func TestCases(t *testing.T) {
	const latency = `  judge application/json {"threshold":5000,"type":"latency"}`
	const chat = `{"messages":[{"content":"You serve a shop.","role":"system"},{"content":"`
	found := []string{latency, `  contains text/plain A-1001`, `  contains application/json {"any":["shipped","on its way"],"ignore_case":true}`, `  judge application/json {"type":"llm-rubric","value":"is polite"}`}
	var want []string
	want = append(want, `an order is found | {"text":"You serve a shop.\n\nCustomer: Where is order A-1001?","vars":{"message":"Where is order A-1001?","order":"A-1001"}}`)
	want = append(want, found...)
	want = append(want, `an order is found | `+chat+`Where is order A-1001?","role":"user"}],"vars":{"message":"Where is order A-1001?","order":"A-1001"}}`)
	want = append(want, found...)
	want = append(want,
		`an answer as JSON | `+chat+`How much is order A-1001? JSON please","role":"user"}],"vars":{"message":"How much is order A-1001? JSON please"}}`, latency,
		`  json_schema application/schema+json {"properties":{"total":{"type":"number"}},"required":["total"],"type":"object"}`,
		`  judge application/json {"type":"javascript","value":"JSON.parse(output).total > 5","weight":2}`,
		`tools | `+chat+`Refund A-1001","role":"user"}],"vars":{"message":"Refund A-1001"}}`, `  tool_called application/json {"only":["lookup_order","refund"]}`,
		`tools | `+chat+`Refund A-1002","role":"user"}],"vars":{"message":"Refund A-1002"}}`, `  tool_called application/json {"only":["lookup_order","refund"]}`,
		` | {"template":"[{\"role\": \"system\", \"content\": \"You serve a shop.\"},\n {\"role\": \"user\", \"content\": \"{{message}}\"}]\n","vars":{"big":1.50,"message":"{% if x %}odd{% endif %}","n":12345678901234567890}}`,
		`  exact application/json {"a":[1,2.50,null]}`,
		`  judge application/json {"type":"regex","value":"^a"}`,
		`  contains application/json {"none":["sorry"]}`,
	)
	if d := cmp.Diff(want, lines(t, Open(sample))); d != "" {
		t.Error(d)
	}
	_, rep := export(t, Open(sample))
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v", rep.Verdict)
	}
	p, err := Open(sample).Preflight(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	notes := []string{"assertions javascript, which need a judge command: 1", "assertions latency, which need a judge command: 3", "assertions llm-rubric, which need a judge command: 2", "assertions regex, which need a judge command: 1", "cases with a template that only promptfoo fills: 1"}
	if d := cmp.Diff(notes, p.Notes); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(notes, drivertest.Notes(t, Open(sample))); d != "" {
		t.Errorf("export: %s", d)
	}
}

// What is odd in a suite, and what becomes of it.
func TestShapes(t *testing.T) {
	for name, c := range map[string]struct {
		yaml string
		want []string
		gaps int
	}{
		"prompts alone":         {"prompts: [hi]\n", []string{` | {"text":"hi"}`}, 0},
		"files are not opened":  {"prompts: [file://p.txt, other.txt]\ntests: [file://t.csv, {vars: {a: file:///etc/passwd}}, {path: file://g.py}]\n", []string{` | {"template":"file://p.txt","vars":{"a":"file:///etc/passwd"}}`, ` | {"template":"other.txt","vars":{"a":"file:///etc/passwd"}}`}, 5},
		"tests in a file":       {"prompts: [hi]\ntests: tests.yaml\ndefaultTest: file://d.yaml\nscenarios: [file://s.yaml]\nproviders: [echo]\n", nil, 3},
		"a scenario's file":     {"prompts: ['{{a}}']\nscenarios: [{config: [{vars: {a: 1}}, {vars: {a: 2}}], tests: [file://t.csv, {vars: {b: file://b.txt}}]}]\n", []string{` | {"text":"1","vars":{"a":1,"b":"file://b.txt"}}`, ` | {"text":"2","vars":{"a":2,"b":"file://b.txt"}}`}, 2},
		"scenarios":             {"prompts: ['{{a}} {{b}}']\nscenarios:\n  - config: [{vars: {a: 1}}, {vars: {a: 2}}]\n    tests: [{vars: {b: x}, assert: [{type: contains, value: '{{a}}'}]}]\n", []string{` | {"text":"1 x","vars":{"a":1,"b":"x"}}`, `  contains text/plain 1`, ` | {"text":"2 x","vars":{"a":2,"b":"x"}}`, `  contains text/plain 2`}, 0},
		"a threshold of tests":  {"prompts: [hi]\ntests: [{threshold: 0.5, assert: [{type: contains, value: a}, {type: equals, value: b}]}]\n", []string{` | {"text":"hi"}`, `  judge application/json {"assert":[{"type":"contains","value":"a"},{"type":"equals","value":"b"}],"threshold":0.5,"type":"assert-set"}`}, 0},
		"a changed output":      {"prompts: [hi]\ntests: [{options: {transform: output.x}, assert: [{type: equals, value: b}]}, {assert: [{type: equals, value: b, transform: output.y}]}]\n", []string{` | {"text":"hi"}`, `  judge application/json {"assert":[{"type":"equals","value":"b"}],"transform":"output.x","type":"assert-set"}`, ` | {"text":"hi"}`, `  judge application/json {"transform":"output.y","type":"equals","value":"b"}`}, 0},
		"escapes and env":       {"prompts: ['{{a}}', '{{env.HOME}}']\ntests: [{vars: {a: '{{ \"{\" }}{x}}'}}]\n", []string{` | {"text":"{{x}}","vars":{"a":"{{ \"{\" }}{x}}"}}`, ` | {"template":"{{env.HOME}}","vars":{"a":"{{ \"{\" }}{x}}"}}`}, 0},
		"a raw block":           {"prompts: ['{{a}}']\ntests: [{vars: {a: '{% raw %}{{x}}{% endraw %}'}}]\n", []string{` | {"template":"{{a}}","vars":{"a":"{% raw %}{{x}}{% endraw %}"}}`}, 0},
		"a last newline":        {"prompts: ['{{a}}!']\ntests: [{vars: {a: \"x\\n\"}}]\n", []string{` | {"text":"x!","vars":{"a":"x\n"}}`}, 0},
		"unknown variable":      {"prompts: ['{{a}}']\ntests: [{vars: {b: 1}}]\n", []string{` | {"template":"{{a}}","vars":{"b":1}}`}, 0},
		"lists stay":            {"prompts: ['{{a}}']\ntests: [{vars: {a: [1, 2]}, options: {disableVarExpansion: true}}]\n", []string{` | {"template":"{{a}}","vars":{"a":[1,2]}}`}, 0},
		"anchors and merges":    {"x: &v {a: 1}\nprompts: ['{{a}}']\ntests: [{vars: {<<: *v}}]\n", []string{` | {"text":"1","vars":{"a":1}}`}, 0},
		"the same twice":        {"prompts: [hi]\ntests: [{vars: {}}, {vars: {}}]\n", []string{` | {"text":"hi"}`, ` | {"text":"hi"}`}, 0},
		"JSON":                  {`{"prompts":["hi {{a}}"],"tests":[{"vars":{"a":"\u00e9"},"assert":[{"type":"contains-json"},{"type":"contains-all","value":"a, b"}]}]}`, []string{` | {"text":"hi é","vars":{"a":"é"}}`, `  json_schema application/schema+json; within=text true`, `  contains application/json {"all":["a","b"]}`}, 0},
		"nothing is text":       {"prompts: [7, {id: x.py}, {}]\ntests: [7]\n", nil, 4},
		"numbers":               {"prompts: ['{{h}} {{i}}']\ntests: [{vars: {h: 0x10, i: .inf}}]\n", []string{` | {"text":"16 Infinity","vars":{"h":16,"i":"Infinity"}}`}, 0},
		"a date, and as text":   {"prompts: ['{{d}}']\ntests: [{vars: {d: 2026-11-28}}, {vars: {d: '2026-11-28'}}]\n", []string{` | {"template":"{{d}}","vars":{"d":"2026-11-28"}}`, ` | {"text":"2026-11-28","vars":{"d":"2026-11-28"}}`}, 0},
		"a prompt that is JSON": {"prompts: ['{\"a\": \"{{x}}\"}']\ntests: [{vars: {x: 'say \"hi\"'}}]\n", []string{` | {"text":"{\n  \"a\": \"say \\\"hi\\\"\"\n}","vars":{"x":"say \"hi\""}}`}, 0},
		"nothing to look for":   {"prompts: [A]\ntests: [{assert: [{type: contains, value: ''}]}, {assert: [{type: contains-any, value: 'y,'}]}, {assert: [{type: not-icontains-any, value: [y, z]}]}]\n", []string{" | {\"text\":\"A\"}", "  judge application/json {\"type\":\"contains\",\"value\":\"\"}", " | {\"text\":\"A\"}", "  contains application/json {\"any\":[\"y\"]}", " | {\"text\":\"A\"}", "  contains application/json {\"none\":[\"y\",\"z\"],\"ignore_case\":true}"}, 0},
		"an object is literal":  {"prompts: [A]\ntests: [{vars: {x: z}, assert: [{type: equals, value: {a: '{{x}}'}}]}]\n", []string{" | {\"text\":\"A\",\"vars\":{\"x\":\"z\"}}", "  exact application/json {\"a\":\"{{x}}\"}"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			mem, rep := export(t, write(t, c.yaml))
			if len(rep.Gaps) != c.gaps || c.gaps > 0 && rep.Verdict.Coverage != agentstate.Gaps || c.gaps == 0 && rep.Verdict.Coverage != agentstate.Reconciled {
				t.Errorf("%d gaps, want %d: %v", len(rep.Gaps), c.gaps, rep.Verdict)
			}
			if c.want != nil {
				if d := cmp.Diff(c.want, lines(t, mem)); d != "" {
					t.Error(d)
				}
			}
			// Whatever it says, it goes back to the byte.
			dst := Open(filepath.Join(t.TempDir(), "copy.yaml"))
			apply(t, dst, mem)
			if b, err := os.ReadFile(dst.path); err != nil || string(b) != c.yaml {
				t.Errorf("%v %q", err, b)
			}
		})
	}
}

func apply(t testing.TB, dst *Suite, src agentstate.Source) (*replay.Report, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	plan, err := replay.Plan(t.Context(), dst, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(plan.Actions, rep.Actions); d != "" {
		t.Errorf("plan and run: %s", d)
	}
	return rep, path
}

func undo(t testing.TB, dst *Suite, path string) *replay.UndoReport {
	t.Helper()
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	rep, err := replay.Undo(t.Context(), dst, j)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// foreign is a suite of another tool, with what templates and YAML could take for theirs.
func foreign() *memstate.State {
	m := func(kind string, parts ...string) *pb.Meta { return agentstate.Meta(kind, nil, parts...) }
	in := func(v any) *pb.Data { return agentstate.Inline(harness.JSON, harness.Encode(v)) }
	text := func(form, s string) *pb.Expectation { return harness.Expect(form, harness.PlainText, []byte(s)) }
	return memstate.Whole("other",
		&pb.TestSuite{Meta: m("testsuite", "e1"), Name: "Tickets: {{x}}", Description: "of a shop", Definition: agentstate.Inline(harness.JSON, []byte(`{"id":"e1"}`))},
		&pb.TestCase{Meta: m("testcase", "e1", "1"), SuiteKey: "testsuite/e1", Name: "one", Input: in("say {{x}} {% if %}\n"), Expectations: []*pb.Expectation{text(harness.Exact, "{{x}}"), text(harness.Contains, "no: yes\n- 'q'"), text(harness.Judged, "polite?")}},
		&pb.TestCase{Meta: m("testcase", "e1", "2"), SuiteKey: "testsuite/e1", Input: in(map[string]any{"messages": []any{map[string]any{"role": "user", "content": "hi"}}}), Expectations: []*pb.Expectation{
			harness.ExpectJSON(harness.ToolCalled, harness.Tool{Name: "refund", Arguments: []byte(`{"n":1.50,"id":"0123","big":12345678901234567890}`)}),
			harness.ExpectJSON(harness.Contains, harness.Words{All: []string{"a", "b"}, Any: []string{"c"}, IgnoreCase: true}),
			harness.Expect(harness.JSONSchema, harness.SchemaWithin, []byte(`{"pattern":"{{2}}","type":"string"}`)),
			harness.ExpectJSON(harness.Exact, map[string]any{"a": 1, "t": "true"}),
		}},
		&pb.TestCase{Meta: m("testcase", "e1", "3"), SuiteKey: "testsuite/e1", Input: in("x"), Expectations: []*pb.Expectation{text(harness.Judged, "polite?")}},
		&pb.TestCase{Meta: m("testcase", "e1", "4"), SuiteKey: "testsuite/e1", Input: in("{% endraw %}{{{#"), Expectations: []*pb.Expectation{text(harness.Exact, "x")}},
		&pb.TestCase{Meta: m("testcase", "e1", "6"), SuiteKey: "testsuite/e1", Input: in(map[string]any{"template": "say {{x | upper}}", "vars": map[string]any{"x": "y"}}), Expectations: []*pb.Expectation{text(harness.Exact, "x")}},
		// What is sent is not known, and what is expected stands in the variables.
		&pb.TestCase{Meta: m("testcase", "e1", "5"), SuiteKey: "testsuite/e1", Input: in(map[string]any{"vars": map[string]any{"want": "x"}}), Expectations: []*pb.Expectation{text(harness.Exact, "x")}},
	)
}

func TestForeign(t *testing.T) {
	src := foreign()
	dst := Open(filepath.Join(t.TempDir(), "new.yaml"))
	rep, journal := apply(t, dst, src)
	if rep.Actions[replay.Created] != 4 || rep.Actions[replay.Refused] != 3 {
		t.Errorf("%v %v", rep.Actions, rep.Refused)
	}
	j, err := replay.OpenJournal(journal)
	if err != nil {
		t.Fatal(err)
	}
	back, err := replay.ReadBack(t.Context(), src, dst, j)
	j.Close()
	if err != nil {
		t.Fatal(err)
	}
	if back.MissingN+back.ExtraN+back.UnannouncedN > 0 || back.Same+back.Announced != back.Records || back.Records != 4 {
		t.Errorf("%+v", back)
	}
	want := []string{
		`one | {"text":"say {{x}} {% if %}\n","vars":{"prompt":"say {{ \"{\" }}{x}} {{ \"{\" }}% if %}\n{{ \"\" }}"}}`,
		`  exact text/plain {{x}}`, "  contains text/plain no: yes\n- 'q'",
		` | {"messages":[{"content":"hi","role":"user"}],"vars":{"prompt":"[{\"content\":\"hi\",\"role\":\"user\"}]"}}`,
		`  tool_called application/json {"name":"refund","arguments":{"big":12345678901234567890,"id":"0123","n":1.50}}`,
		`  contains application/json {"all":["a","b"],"ignore_case":true}`, `  contains application/json {"any":["c"],"ignore_case":true}`,
		`  json_schema application/schema+json; within=text {"pattern":"{{2}}","type":"string"}`, `  exact application/json {"a":1,"t":"true"}`,
		` | {"text":"{% endraw %}{{{#","vars":{"prompt":"{{ \"{\" }}% endraw %}{{ \"{\" }}{{ \"{\" }}{{ \"{\" }}#"}}`, `  exact text/plain x`,
	}
	if d := cmp.Diff(want, lines(t, dst)); d != "" {
		t.Error(d)
	}
	if again, _ := apply(t, dst, src); again.Actions[replay.Created] != 0 || again.Actions[replay.Same] != 4 {
		t.Errorf("again: %v %v", again.Actions, again.Conflicts)
	}
	if r := undo(t, dst, journal); len(r.Left) != 0 {
		t.Errorf("left: %v", r.Left)
	}
	if _, err := os.Stat(dst.path); err == nil {
		t.Error("undo left the file")
	}
}

func TestUndo(t *testing.T) {
	mem, _ := export(t, Open(sample))
	for name, src := range map[string]agentstate.Source{"own": mem, "foreign": foreign()} {
		t.Run(name, func(t *testing.T) {
			dst := Open(filepath.Join(t.TempDir(), "new.yaml"))
			_, journal := apply(t, dst, src)
			b, err := os.ReadFile(dst.path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dst.path, append(b, "  - vars: {prompt: mine}\n"...), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := undo(t, dst, journal); len(r.Left) == 0 {
				t.Error("what was changed is not named")
			}
			if _, err := os.Stat(dst.path); err != nil {
				t.Error("what was changed is gone")
			}
			rep, _ := apply(t, dst, src)
			if rep.Actions[replay.Created] != 0 || name == "own" && rep.Actions[replay.Conflict] != 1 {
				t.Errorf("a replay over it: %v", rep.Actions)
			}
			if after, err := os.ReadFile(dst.path); err != nil || !strings.HasSuffix(string(after), "mine}\n") {
				t.Errorf("%v", err)
			}
		})
	}
}
