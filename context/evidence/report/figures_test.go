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
		recovered uint64
		state     string
	}{
		"found":              {evidence.Pass, 2, stateMet},
		"lost":               {evidence.Fail, 1, stateMissed},
		"not looked for":     {evidence.Untold, 2, stateUntested},
		"not in the archive": {evidence.Untold, 1, stateMissed},
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
