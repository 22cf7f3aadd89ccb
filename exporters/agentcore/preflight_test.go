package agentcore

import (
	"testing"

	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
)

// TestPreflightCounts: "some" of a kind is said where one was seen, and nowhere else.
func TestPreflightCounts(t *testing.T) {
	t.Parallel()
	p, err := newWorld(t, agentcorefake.Options{}).service("").Preflight(t.Context())
	if err != nil || len(p.Counts) != 0 {
		t.Errorf("an account without anything: %v, %v", p.Counts, err)
	}
	w := shop(t, agentcorefake.Options{})
	if p, err = w.service(w.mem).Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	for kind, counted := range map[string]bool{"memory": false, "conversation": false, "message": false, "memoryspace": true, "principal": true} {
		if n := p.Counts[kind]; n == 0 || (n > 0) != counted {
			t.Errorf("a memory with state: %s: %d", kind, n)
		}
	}
	def := firm(t)
	if p, err = def.service("").Preflight(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"agent", "toolserver", "policy", "credential"} {
		if p.Counts[kind] != -1 {
			t.Errorf("an account with definitions: %s: %d", kind, p.Counts[kind])
		}
	}
}
