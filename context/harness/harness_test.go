package harness

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":[true,null]}`, ` {"b":[true,null],"a":1.0} `, true},
		{`1`, `10e-1`, true},
		{`0`, `-0.00`, true},
		{`12345678901234567890`, `12345678901234567891`, false},
		{`100`, `1E2`, true},
		{`1e999999999`, `10e999999998`, true},
		{`1e9999999999999999`, `10e9999999999999998`, false}, // spelled otherwise: not computed
		{`1e9999999999999999`, `1e9999999999999999`, true},
		{`"1"`, `1`, false},
		{`{"a":null}`, `{}`, false},
		{`[1,2]`, `[2,1]`, false},
		{`{`, `{`, false},
		{`1 2`, `1 2`, false},
	} {
		if got := Equal([]byte(c.a), []byte(c.b)); got != c.want {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
		if same := Digest([]byte(c.a)) == Digest([]byte(c.b)); c.want && !same {
			t.Errorf("%s and %s have two digests", c.a, c.b)
		}
	}
}

func TestDiffer(t *testing.T) {
	got := Differ([]byte(`{"order":"A-1","items":[{"n":1},{"n":2}],"gone":1,"deep":{"x":{"y":"secret one"}}}`),
		[]byte(`{"order":"A-2","items":[{"n":1},{"n":3}],"more":1,"deep":{"x":{"y":"secret two"}}}`))
	text := strings.Join(got, "\n")
	for _, want := range []string{"deep.x.y: want ", "gone: missing", "items[1].n: want ", "more: not expected", "order: want "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if len(got) != 5 || strings.Contains(text, "secret") || strings.Contains(text, "A-") {
		t.Errorf("%d: %s", len(got), text)
	}
	if d := Differ([]byte(`[1]`), []byte(`[1.0]`)); d != nil {
		t.Error(d)
	}
}

func TestCheck(t *testing.T) {
	text := func(form, v string) *pb.Expectation { return Expect(form, PlainText, []byte(v)) }
	schema := `{"type":"object","required":["total"],"properties":{"total":{"type":"number"}}}`
	call := ToolCall{"refund", []byte(`{"order":"A-1","amount":5.0}`)}
	for name, c := range map[string]struct {
		expect *pb.Expectation
		output string
		calls  []ToolCall
		why    string // empty: passes
		err    string
	}{
		"exact":                     {expect: text(Exact, "Paris"), output: `"Paris"`},
		"exact, not":                {expect: text(Exact, "Paris"), output: `"Paris."`, why: "exact: want "},
		"exact value":               {expect: ExpectJSON(Exact, map[string]any{"a": 1}), output: `{"a":1.0}`},
		"exact value in a text":     {expect: ExpectJSON(Exact, map[string]any{"a": 1}), output: `"{\"a\": 1}"`},
		"exact value, not":          {expect: ExpectJSON(Exact, map[string]any{"a": 1}), output: `"a is 1"`, why: "exact: want "},
		"contains":                  {expect: text(Contains, "ari"), output: `"Paris"`},
		"contains, not":             {expect: text(Contains, "PARIS"), output: `"Paris"`, why: "word 1 of 1"},
		"contains, any case":        {expect: ExpectJSON(Contains, Words{All: []string{"PARIS", "is"}, IgnoreCase: true}), output: `"Paris"`},
		"contains any":              {expect: ExpectJSON(Contains, Words{Any: []string{"x", "ris"}}), output: `"Paris"`},
		"contains none of any":      {expect: ExpectJSON(Contains, Words{Any: []string{"x", "y"}}), output: `"Paris"`, why: "none of 2"},
		"contains without words":    {expect: ExpectJSON(Contains, Words{}), output: `""`, err: "want words"},
		"schema":                    {expect: Expect(JSONSchema, Schema, []byte(schema)), output: `"{\"total\": 5}"`},
		"schema, not":               {expect: Expect(JSONSchema, Schema, []byte(schema)), output: `{"total":"5"}`, why: "total fails type"},
		"schema, no JSON":           {expect: Expect(JSONSchema, Schema, []byte(schema)), output: `"it is {\"total\": 5}"`, why: "no JSON"},
		"schema within":             {expect: Expect(JSONSchema, SchemaWithin, []byte(schema)), output: `"{it} is {\"total\": 5}, yes"`},
		"schema within, second":     {expect: Expect(JSONSchema, SchemaWithin, []byte(schema)), output: `"[1] {\"a\": {}} {\"total\": 5}"`},
		"schema within, list":       {expect: Expect(JSONSchema, SchemaWithin, []byte(`{"type":"array"}`)), output: `"is [1]"`, why: "no JSON"},
		"schema, format":            {expect: Expect(JSONSchema, Schema, []byte(`{"format":"email"}`)), output: `"\"nobody\""`, why: "the whole fails format"},
		"schema of Draft 7":         {expect: Expect(JSONSchema, Schema, []byte(`{"items":[{"type":"string"}]}`)), output: `[1]`, why: "0 fails type"},
		"schema says its draft":     {expect: Expect(JSONSchema, Schema, []byte(`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"}]}`)), output: `[1]`, why: "0 fails type"},
		"contains none":             {expect: ExpectJSON(Contains, Words{None: []string{"x", "paris"}}), output: `"Paris"`},
		"contains none, not":        {expect: ExpectJSON(Contains, Words{None: []string{"x", "paris"}, IgnoreCase: true}), output: `"Paris"`, why: "word 2 of 2 that may not"},
		"schema within, none":       {expect: Expect(JSONSchema, SchemaWithin, []byte(schema)), output: `"{{{"`, why: "no JSON"},
		"any JSON":                  {expect: Expect(JSONSchema, Schema, []byte("true")), output: `"[1]"`},
		"schema of a file":          {expect: Expect(JSONSchema, Schema, []byte(`{"$ref":"file:///etc/passwd"}`)), output: `1`, err: "nothing outside"},
		"schema of a host":          {expect: Expect(JSONSchema, Schema, []byte(`{"$ref":"http://127.0.0.1:1/s"}`)), output: `1`, err: "nothing outside"},
		"schema in a circle":        {expect: Expect(JSONSchema, Schema, []byte(`{"$ref":"#"}`)), output: `1`, why: "json_schema"},
		"schema that is none":       {expect: Expect(JSONSchema, Schema, []byte(`{"type":7}`)), output: `1`, err: "cannot be compiled"},
		"tool":                      {expect: ExpectJSON(ToolCalled, Tool{Name: "refund"}), calls: []ToolCall{call}},
		"tool with arguments":       {expect: ExpectJSON(ToolCalled, Tool{Name: "refund", Arguments: []byte(`{"amount":5,"order":"A-1"}`)}), calls: []ToolCall{{"refund", []byte(`{}`)}, call}},
		"tool with other arguments": {expect: ExpectJSON(ToolCalled, Tool{Name: "refund", Arguments: []byte(`{"amount":6,"order":"A-1"}`)}), calls: []ToolCall{call}, why: "refund was called otherwise: amount: want "},
		"other tool":                {expect: ExpectJSON(ToolCalled, Tool{Name: "lookup"}), calls: []ToolCall{call, call}, why: "lookup was not called; called were refund"},
		"no tool":                   {expect: ExpectJSON(ToolCalled, Tool{Name: "lookup"}), why: "no tool was"},
		"only these":                {expect: ExpectJSON(ToolCalled, Tool{Only: []string{"refund"}}), calls: []ToolCall{call}},
		"more than these":           {expect: ExpectJSON(ToolCalled, Tool{Only: []string{"refund"}}), calls: []ToolCall{call, {"mail", nil}}, why: "mail was called"},
		"tool without a name":       {expect: ExpectJSON(ToolCalled, Tool{}), err: "want a name"},
		"a judge that is missing":   {expect: text(Judged, "is it polite?"), output: `"hi"`, err: "needs a judge"},
		"a form of later":           {expect: text("sings", ""), output: `"hi"`, err: "needs a judge"},
	} {
		t.Run(name, func(t *testing.T) {
			src := memstate.Whole("test",
				&pb.TestSuite{Meta: agentstate.Meta("testsuite", nil, "s")},
				&pb.TestCase{Meta: agentstate.Meta("testcase", nil, "s", "c"), SuiteKey: "testsuite/s", Expectations: []*pb.Expectation{c.expect}})
			tasks, err := Tasks(t.Context(), src, "testsuite/s")
			if err != nil {
				t.Fatal(err)
			}
			ok, why, err := Check(t.Context(), &tasks[0], &Answer{Output: []byte(c.output), ToolCalls: c.calls}, nil)
			switch {
			case (err == nil) != (c.err == ""), err != nil && !strings.Contains(err.Error(), c.err):
				t.Errorf("error %v, want %q", err, c.err)
			case err == nil && (ok != (c.why == "") || !strings.Contains(why, c.why)):
				t.Errorf("passed %v, %q, want %q", ok, why, c.why)
			case strings.Contains(why, "Paris"), strings.Contains(why, "A-1"):
				t.Errorf("content in %q", why)
			}
		})
	}
}

func TestScores(t *testing.T) {
	rate := func(p, n int) *Rate { return &Rate{p, n} }
	for name, c := range map[string]struct {
		source, target, cold *Rate
		tcs, lift            string
	}{
		"half of the lift":   {rate(9, 10), rate(6, 10), rate(3, 10), "0.67 = (6/10) / (9/10)", "0.50 = (6/10 - 3/10) / (9/10 - 3/10)"},
		"TCS flatters":       {rate(10, 10), rate(9, 10), rate(9, 10), "0.90 = (9/10) / (10/10)", "0.00 = (9/10 - 9/10) / (10/10 - 9/10)"},
		"better than before": {rate(5, 10), rate(10, 10), rate(0, 10), "2.00 = (10/10) / (5/10)", "2.00 = (10/10 - 0/10) / (5/10 - 0/10)"},
		"source passed none": {rate(0, 10), rate(5, 10), rate(0, 10), "undefined: the source passed nothing", "undefined: the source passed no more than the target without the state"},
		"state adds nothing": {rate(5, 10), rate(5, 10), rate(5, 10), "1.00 = (5/10) / (5/10)", "undefined: the source passed no more than the target without the state"},
		"target alone":       {nil, rate(5, 10), nil, "undefined: source and target must both be run", "undefined: source, target and cold must all be run"},
		"broken off":         {rate(5, 10), rate(5, 7), rate(0, 10), "undefined: the sides were not run alike", "undefined: the sides were not run alike"},
		"nothing judged":     {rate(0, 0), rate(0, 0), rate(0, 0), "undefined: no task was judged", "undefined: no task was judged"},
	} {
		s := &Scores{Tasks: make([]TaskScore, 5), Runs: 2, Source: c.source, Target: c.target, Cold: c.cold}
		if c.source != nil && c.source.Total == 0 {
			s.NotJudged = 5
		}
		if d := cmp.Diff([]string{c.tcs, c.lift}, []string{s.TCS().String(), s.RetainedLift().String()}); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}
