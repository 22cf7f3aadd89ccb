package report

import (
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

// TestKnownAnswers: what was found in the archive of a drill that ended before its target was read was not found again.
// That it is not even in the archive is told.
func TestKnownAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		result    evidence.Result
		recovered *uint64
		state     string
	}{
		"found":              {evidence.Pass, num(2), stateMet},
		"lost":               {evidence.Fail, num(1), stateMissed},
		"not looked for":     {evidence.Untold, nil, stateUntested},
		"in the archive":     {evidence.Untold, num(2), stateUntested}, // as earlier releases said it
		"not in the archive": {evidence.Fail, nil, stateUntested},
	} {
		p := &evidence.Predicate{Kinds: []evidence.Kind{{Kind: "memory", Canaries: evidence.Canaries{Planted: 2, Recovered: c.recovered}}}}
		p.Checks = []evidence.Check{{ID: "AC-11", Result: c.result, Basis: evidence.Measured, Why: "x"}}
		for _, f := range newBook(p).figures() {
			if f.ID == "known-answers" && f.State != c.state {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}
