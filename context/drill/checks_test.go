package drill

import (
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/fidelity"
)

// TestCounts: a kind of which nobody says how it was found, and a count that is not the archive's, are told.
func TestCounts(t *testing.T) {
	n := uint64(5)
	for name, tc := range map[string]struct {
		kind      evidence.Kind
		nine, ten evidence.Result
		says      string
	}{
		"agrees":        {evidence.Kind{Class: "enumerated", Coverage: "RECONCILED", Reference: &n, Archived: 5}, evidence.Pass, evidence.Pass, "1 kinds agree"},
		"more outside":  {evidence.Kind{Class: "enumerated", Coverage: "UNKNOWN", Reference: &n, Archived: 4}, evidence.Pass, evidence.Fail, "another count says more: memory: 4 of 5"},
		"seen, not got": {evidence.Kind{Class: "enumerated", Coverage: "UNKNOWN", Source: 5, Archived: 4}, evidence.Pass, evidence.Fail, "another count says more: memory: 4 of 5"},
		"left out":      {evidence.Kind{Class: "excluded", Coverage: "UNKNOWN", Reference: &n, Source: 5}, evidence.Pass, evidence.Pass, "1 have none"},
		"no route":      {evidence.Kind{Class: "enumerated", Coverage: "UNKNOWN", Archived: 4, Source: 4}, evidence.Pass, evidence.Warn, "nobody can say whether these are all: memory"},
		"fewer, a gap":  {evidence.Kind{Class: "enumerated", Coverage: "GAPS", Reference: &n, Archived: 3}, evidence.Pass, evidence.Fail, "another count says more: memory: 3 of 5"},
		"more inside":   {evidence.Kind{Class: "enumerated", Coverage: "LISTED", Reference: &n, Archived: 7}, evidence.Pass, evidence.Warn, "the archive has more of memory: 7, and the other count says 5"},
		"no class":      {evidence.Kind{Class: "unknown", Coverage: "LISTED", Archived: 7}, evidence.Warn, evidence.Pass, "1 have none"},
		"nothing":       {evidence.Kind{Class: "unknown", Coverage: "LISTED"}, evidence.Pass, evidence.Pass, "1 have none"},
	} {
		tc.kind.Kind = "memory"
		a := &answers{r: &run{p: &Plan{}, st: &state{}, facts: &Facts{}}, p: &evidence.Predicate{Kinds: []evidence.Kind{tc.kind}}}
		a.completeness()
		if nine, ten := a.list[8], a.list[9]; nine.Result != tc.nine || ten.Result != tc.ten || !strings.Contains(ten.Why, tc.says) {
			t.Errorf("%s: %+v\n%+v", name, nine, ten)
		}
	}
}

// TestObstacles: what was not compared with what the provider states is no full answer.
func TestObstacles(t *testing.T) {
	a := &answers{r: &run{p: &Plan{}, st: &state{}, facts: &Facts{}}, p: &evidence.Predicate{}}
	if a.exit(); a.list[42].Result != evidence.Warn {
		t.Errorf("%+v", a.list[42])
	}
}

// TestShare: a share that is met to the last record is met.
func TestShare(t *testing.T) {
	for arrived := range uint64(100) {
		for less, want := range map[uint64]evidence.Result{0: evidence.Warn, 1: evidence.Fail} {
			if arrived < less {
				continue
			}
			p := &Plan{Targets: Targets{Survival: float64(arrived) / 100}}
			if arrived == 0 { // which is all
				continue
			}
			k := evidence.Kind{Kind: "memory", Archived: 100, Imported: 100, Matched: arrived - less, Missing: 100 - arrived + less}
			a := &answers{r: &run{p: p, st: &state{Back: &Back{Fidelity: &fidelity.Report{}}}}, p: &evidence.Predicate{Kinds: []evidence.Kind{k}}}
			if a.survival(); a.list[32].Result != want {
				t.Errorf("%d of 100, wanted %d: %+v", arrived-less, arrived, a.list[32])
			}
		}
	}
}
