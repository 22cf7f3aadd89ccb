package drill

import (
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/harness"
)

// A loss of part of the tasks warns, unless the plan says how much must pass.
func TestTasksTarget(t *testing.T) {
	rate := func(passed, total int) *harness.Rate { return &harness.Rate{Passed: passed, Total: total} }
	for name, tc := range map[string]struct {
		least          float64
		source, target *harness.Rate
		want           evidence.Result
	}{
		"no target":            {0, rate(2, 2), rate(1, 2), evidence.Warn},
		"missed":               {0.9, rate(2, 2), rate(1, 2), evidence.Fail},
		"just met":             {0.5, rate(2, 2), rate(1, 2), evidence.Warn},
		"met whole":            {1, rate(2, 2), rate(2, 2), evidence.Pass},
		"as bad as the source": {1, rate(1, 2), rate(1, 2), evidence.Pass},
		"of a bad source":      {0.9, rate(5, 10), rate(4, 10), evidence.Fail},
		"just met, not of 2":   {0.55, rate(3, 3), rate(33, 60), evidence.Warn},
		"no source, met":       {0.5, nil, rate(1, 2), evidence.Warn},
		"no source, missed":    {0.6, nil, rate(1, 2), evidence.Fail},
		"met to the run":       {0.55, nil, rate(55, 100), evidence.Warn},
		"met, of the source":   {0.07, rate(100, 100), rate(7, 100), evidence.Warn},
		"a source that fails":  {1, rate(0, 2), rate(1, 2), evidence.Pass},
		"nothing passes":       {0.5, rate(0, 2), rate(0, 2), evidence.Fail},
	} {
		st := &state{Tasks: &harness.Scores{Runs: 1, Source: tc.source, Target: tc.target}}
		a := &answers{r: &run{p: &Plan{Targets: Targets{Tasks: tc.least}}, st: st}, p: &evidence.Predicate{}}
		a.tasks()
		got := a.list[40-1]
		if got.Result != tc.want {
			t.Errorf("%s: %s (%s), want %s", name, got.Result, got.Why, tc.want)
		}
		if missed := strings.Contains(got.Why, "the plan wants"); missed != (tc.want == evidence.Fail && tc.target.Passed > 0) {
			t.Errorf("%s: %s", name, got.Why)
		}
	}
}
