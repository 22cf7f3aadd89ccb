package evidence_test

import (
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

// TestNoGates: without gates a drill is judged by those of this release, as a statement that is read is.
func TestNoGates(t *testing.T) {
	p := evidence.Predicate{}
	p.Drill.Level = evidence.L3
	if a, b := p.Word(nil), p.Word(evidence.DefaultGates()); a != b || a == "" {
		t.Errorf("%q, want %q", a, b)
	}
}
