package drill

import (
	"slices"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/fidelity"
)

// TestRepairs: a reference that led nowhere and now leads to a record is one; fewer references are none.
func TestRepairs(t *testing.T) {
	type refs = fidelity.Refs
	links := map[string]*fidelity.Link{
		"message.parent_key":     {Want: refs{Total: 5, Resolved: 3}, Got: refs{Total: 5, Resolved: 4}},
		"message.agent_key":      {Want: refs{Total: 5, Resolved: 3}, Got: refs{Total: 4, Resolved: 3}}, // one did not come
		"message.run_key":        {Want: refs{Total: 5, Resolved: 5}, Got: refs{Total: 5, Resolved: 4}},
		fidelity.ToolCalls:       {Want: refs{Total: 2, Resolved: 1}, Got: refs{Total: 3, Resolved: 3}}, // what was there before came to it
		"memory.space_key":       {Want: refs{Total: 5}, Got: refs{Total: 5, Resolved: 5}},
		"messageother.other_key": {Want: refs{Total: 5}, Got: refs{Total: 5, Resolved: 5}},
	}
	r := &run{st: &state{Back: &Back{Fidelity: &fidelity.Report{Links: links}}}}
	want := []evidence.Repair{{Path: "parent_key", Count: 1}, {Path: "tool_call", Count: 1}}
	if got := r.repairs("message"); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := r.repairs("state"); got == nil || len(got) > 0 {
		t.Errorf("none is %#v, want an empty list", got)
	}
}
