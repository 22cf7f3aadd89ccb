package agentcore

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A dataset is a suite, and each of its examples a case: what a task begins with, and what is expected of it, in the forms
// that bedrock-agentcore 1.25 reads (PredefinedScenario, SimulatedScenario), and in one that nobody knows.
func TestDatasetIsSuite(t *testing.T) {
	src := firm(t)
	type m = map[string]any
	for _, doc := range []m{
		{"exampleId": "e1", "scenario_id": "sum", "turns": []any{m{"input": "What is 15 + 27?", "expected_response": "42"}}, "expected_trajectory": []any{"calculator", "calculator"}, "assertions": []any{"It used <the calculator>"}, "metadata": m{"owner": "ops"}},
		{"scenario_id": "two", "turns": []any{m{"input": "Hello", "expected_response": "Hi"}, m{"input": m{"prompt": "And now?"}}}},
		{"scenario_id": "played", "scenario_description": "a refund", "actor_profile": m{"context": "angry", "goal": "money"}, "input": "Give it back", "max_turns": 3},
		{"scenario_id": "talk", "input": []any{m{"role": "user", "content": "Hi"}}, "expected_output": "Hello", "turns": nil},
		{"scenario_id": "form", "input": m{"order": "A-1"}, "assertions": "polite"},
		{"scenario_id": "null", "turns": []any{m{"input": "Bye", "expected_response": nil}}, "input": nil, "actor_profile": nil, "max_turns": nil, "assertions": nil, "expected_trajectory": nil, "expected_output": nil},
		{"scenario_id": "nothing is said", "turns": []any{}, "input": nil, "actor_profile": nil},
		{"scenario_id": "no turn", "turns": []any{nil}},
		{"scenario_id": "a turn without words", "turns": []any{m{"expected_response": "Hi"}, m{"input": "x"}}},
		{"id": 7},
		{"scenario_id": 7, "input": "a name that is none"},
	} {
		src.fake.Put("DatasetExample", "golden-abcdefghij", doc)
	}
	st, rep := read(t, src.service(""))
	suite := must(st.Get(t.Context(), "testsuite/dataset/golden-abcdefghij"))(t).(*pb.TestSuite)
	if suite.Name != "golden" || suite.Meta.ViewOfKeys[0] != "opaque/dataset/golden-abcdefghij" {
		t.Errorf("suite %v", suite)
	}
	got := map[string]string{}
	for i := range 13 {
		key := agentstate.Key("testcase", "dataset-example", "golden-abcdefghij", fmt.Sprintf("%08d", i))
		r, err := st.Get(t.Context(), key)
		if err != nil {
			continue
		}
		c := r.(*pb.TestCase)
		if c.SuiteKey != suite.Meta.Key || c.Meta.ViewOfKeys[0] != "opaque"+strings.TrimPrefix(key, "testcase") {
			t.Errorf("%s: of %s, reads %s", key, c.SuiteKey, c.Meta.ViewOfKeys)
		}
		said := string(c.Input.GetInline())
		for _, e := range c.Expectations {
			said += " " + e.Form + " " + string(e.Value.GetInline())
		}
		got[c.Name] += said
	}
	want := map[string]string{
		"":       `{"text":"Where is my order?"}{"text":"And the invoice?"}`,
		"sum":    `{"text":"What is 15 + 27?"} judge {"expected_response":"42"} judge {"assertion":"It used <the calculator>"} tool_called {"name":"calculator"}`,
		"two":    `{"turns":[{"input":"Hello"},{"input":{"prompt":"And now?"}}]} judge {"turn":{"expected_response":"Hi","number":1}}`,
		"played": `{"actor_profile":{"context":"angry","goal":"money"},"input":"Give it back","max_turns":3,"scenario_description":"a refund"}`,
		"talk":   `{"messages":[{"content":"Hi","role":"user"}]} judge {"expected_output":"Hello"}`,
		"null":   `{"text":"Bye"}`,
		"form":   `{"order":"A-1"} judge {"assertion":"polite"}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for _, k := range []string{"testsuite", "testcase"} {
		if v := rep.Verdict.Kinds[k]; v.Coverage != rep.Verdict.Kinds["opaque"].Coverage {
			t.Errorf("%s: %s: %s", k, v.Coverage, v.Why)
		}
	}
}
