package agentcore

import (
	"encoding/json"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// suiteOf reads a dataset of evaluations as the suite that it is.
func suiteOf(o *pb.Opaque, doc json.RawMessage) []agentstate.Record {
	var d struct{ DatasetName, Description string }
	if json.Unmarshal(doc, &d) != nil {
		return nil
	}
	return []agentstate.Record{&pb.TestSuite{Meta: viewAs("testsuite", o), Name: d.DatasetName, Description: d.Description}}
}

// scenario is an example of a dataset, in AgentCore's schema for evaluations. A member that is null is one that is not there.
type scenario struct {
	ID          string           `json:"scenario_id"`
	Description string           `json:"scenario_description"`
	Turns       []turn           `json:"turns"`
	Input       *json.RawMessage `json:"input"`
	Actor       *json.RawMessage `json:"actor_profile"`
	MaxTurns    *json.RawMessage `json:"max_turns"`
	Trajectory  []string         `json:"expected_trajectory"`
}

type turn struct {
	Input    *json.RawMessage `json:"input"`
	Expected *json.RawMessage `json:"expected_response,omitempty"`
}

// begins tells whether a task can begin with s: each turn says something, or, where there are none, there is an input or a person.
func (s *scenario) begins() bool {
	if len(s.Turns) == 0 {
		return s.Input != nil || s.Actor != nil
	}
	return !slices.ContainsFunc(s.Turns, func(t turn) bool { return t.Input == nil })
}

// told are the members of an example that are no expectation, or are read by name.
var told = [...]string{"exampleId", "schema_type", "scenario_id", "scenario_description", "turns", "input", "actor_profile", "max_turns", "metadata", "expected_trajectory", "assertions"}

// caseOf reads an example of a dataset as a case of its suite. What is expected is judged by AgentCore's evaluators, most of
// them models: so it stays in the example's words, for a judge. Only that a tool of the trajectory is called at all is what
// each of its three comparisons of trajectories asks for, and can be seen without one.
func caseOf(o *pb.Opaque, doc json.RawMessage) []agentstate.Record {
	var s scenario
	var all map[string]json.RawMessage
	if json.Unmarshal(doc, &s) != nil || json.Unmarshal(doc, &all) != nil || !s.begins() {
		return nil // not of a schema for evaluations: the record that it is read from has it
	}
	_, parts := agentstate.SplitKey(o.Meta.Key)
	c := &pb.TestCase{Meta: viewAs("testcase", o), SuiteKey: agentstate.Key("testsuite", "dataset", parts[1]), Name: s.ID,
		Input: agentstate.Inline(harness.JSON, s.start())}
	judged := func(name string, v any) {
		c.Expectations = append(c.Expectations, harness.ExpectJSON(harness.Judged, map[string]any{name: v}))
	}
	for i, t := range s.Turns {
		if t.Expected != nil && len(s.Turns) == 1 {
			judged("expected_response", t.Expected)
		} else if t.Expected != nil {
			judged("turn", map[string]any{"number": i + 1, "expected_response": t.Expected})
		}
	}
	var assertions []json.RawMessage
	if json.Unmarshal(all["assertions"], &assertions) != nil && all["assertions"] != nil {
		assertions = []json.RawMessage{all["assertions"]}
	}
	for _, a := range assertions {
		judged("assertion", a)
	}
	for i, name := range s.Trajectory {
		if !slices.Contains(s.Trajectory[:i], name) {
			c.Expectations = append(c.Expectations, harness.ExpectJSON(harness.ToolCalled, harness.Tool{Name: name}))
		}
	}
	for _, name := range sortedKeys(all) {
		if !slices.Contains(told[:], name) && string(all[name]) != "null" {
			judged(name, all[name])
		}
	}
	return []agentstate.Record{c}
}

// start is what a task begins with: what is said, a conversation, or, where there are several turns, or a person is played
// by a model, the example's own words for a runner that knows them.
func (s *scenario) start() []byte {
	in := s.Input
	if len(s.Turns) == 1 {
		in = s.Turns[0].Input
	}
	var text string
	var messages []struct{ Role string }
	switch {
	case len(s.Turns) > 1:
		turns := make([]turn, len(s.Turns))
		for i, t := range s.Turns {
			turns[i].Input = t.Input
		}
		return harness.Encode(map[string]any{"turns": turns})
	case s.Actor != nil:
		m := map[string]any{"actor_profile": s.Actor}
		for name, v := range map[string]*json.RawMessage{"input": s.Input, "max_turns": s.MaxTurns} {
			if v != nil {
				m[name] = v
			}
		}
		if s.Description != "" {
			m["scenario_description"] = s.Description
		}
		return harness.Encode(m)
	case json.Unmarshal(*in, &text) == nil:
		return harness.Encode(harness.Input{Text: text})
	case json.Unmarshal(*in, &messages) == nil:
		return harness.Encode(harness.Input{Messages: *in})
	}
	return *in
}

// viewAs is the Meta of a reading of o as a record of another kind: under o's own name.
func viewAs(kind string, o *pb.Opaque) *pb.Meta {
	_, parts := agentstate.SplitKey(o.Meta.Key)
	m := agentstate.Meta(kind, nil, parts...)
	m.ViewOfKeys = []string{o.Meta.Key}
	return m
}
