package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/exitramp/exitramp/context/evidence"
)

// figure is one of the six numbers of page two.
type figure struct {
	ID, Label string
	Value     string // "9 min 2 s"; empty: not tested
	Of        string // what it is a number of
	Target    string // empty: none was set
	State     string // stateMet, …
}

// What became of a figure.
const (
	stateMet      = "within target"
	stateMissed   = "target missed"
	stateNone     = "no target was set"
	stateUntested = "not tested"
)

func state(target, met bool) string {
	switch {
	case !target:
		return stateNone
	case met:
		return stateMet
	}
	return stateMissed
}

// figures are the six numbers of page two, beside the targets that were set before the run.
func (b *book) figures() []figure {
	out := []figure{
		{ID: "recovery-time", Label: "Recovery time", State: stateUntested},
		b.worstRPO(),
		{ID: "known-answers", Label: "Known answers found again", State: stateUntested},
		b.worstSurvival(),
		{ID: "replay-level", Label: "Replay level", State: stateUntested},
		{ID: "grants-widened", Label: "Grants widened", State: stateUntested, Target: "0"},
	}
	if t := b.Targets.RTOSeconds; t > 0 {
		out[0].Target = "at most " + seconds(float64(t))
	}
	if rto := b.Timing.RTOSeconds; rto > 0 {
		out[0].Value, out[0].State = seconds(rto), state(b.Targets.RTOSeconds > 0, rto <= float64(b.Targets.RTOSeconds))
		out[0].Of = "from opening the archive to the end of reading back"
	}
	var planted, recovered uint64
	looked := true
	for i := range b.Kinds {
		switch c := &b.Kinds[i].Canaries; {
		case c.Recovered != nil:
			planted, recovered = plus(planted, c.Planted), plus(recovered, *c.Recovered)
		case c.Planted > 0:
			looked = false
		}
	}
	if planted > 0 && looked && (recovered < planted || b.answered("AC-11").Result != evidence.Untold) { // found in the archive, with no target read, is not found again
		f := &out[2]
		f.Value, f.Of, f.Target = grouped(recovered), "of "+grouped(planted), grouped(planted)
		f.State = state(true, recovered >= planted)
	}
	if len(b.Replay) > 0 {
		low := slices.MinFunc(b.Replay, func(x, y evidence.Replayed) int { return rung(x.Level) - rung(y.Level) })
		f := &out[4]
		f.Value, f.State = clean(low.Level), stateNone
		f.Of = fmt.Sprintf("the lowest of %d features: %s, %s of %s runs", len(b.Replay), clean(low.Feature), grouped(low.Passed), grouped(low.Runs))
	}
	if a := b.answered("AC-29"); a.Result != evidence.Untold {
		f := &out[5]
		f.Value, f.Of = grouped(b.Authority.Widened), "of "+grouped(b.Authority.Grants)+" grants"
		f.State = state(true, b.Authority.Widened == 0)
	}
	return out
}

// worstRPO is the kind whose newest event is the oldest, measured by its target where it has one.
func (b *book) worstRPO() figure {
	f := figure{ID: "recovery-point", Label: "Worst recovery point", State: stateUntested}
	worst := -1.0
	for _, r := range b.recoveryPoints() {
		badness := float64(r.measured)
		if r.target > 0 {
			badness = 1e12 * (1 + float64(r.measured)/float64(r.target))
		}
		if badness <= worst {
			continue
		}
		worst = badness
		f.Value, f.Of, f.Target = seconds(float64(r.measured)), "of "+plural(r.kind), ""
		if r.target > 0 {
			f.Target = "at most " + seconds(float64(r.target))
		}
		f.State = state(r.target > 0, r.measured <= r.target)
	}
	return f
}

// worstSurvival is the kind of which the smallest share arrived.
func (b *book) worstSurvival() figure {
	f := figure{ID: "survival", Label: "Worst survival of a kind", State: stateUntested}
	if b.Targets.Survival > 0 {
		f.Target = "at least " + percent(b.Targets.Survival)
	}
	if b.Target.Product == "" {
		return f
	}
	worst := 2.0
	for i := range b.Kinds {
		arrived, due := b.Kinds[i].Survival()
		if due == 0 || float64(arrived)/float64(due) >= worst {
			continue
		}
		worst = float64(arrived) / float64(due)
		f.Value, f.Of = share(arrived, due), fmt.Sprintf("%s of %s %s", grouped(arrived), grouped(due), plural(b.Kinds[i].Kind))
		f.State = state(b.Targets.Survival > 0, worst >= b.Targets.Survival)
	}
	return f
}

// point is the recovery point of one kind, in seconds; target 0: none.
type point struct {
	kind             string
	measured, target uint64
}

func (b *book) recoveryPoints() []point {
	var out []point
	for _, k := range sortedKeys(b.Timing.RPOSeconds) {
		t, ok := b.Targets.RPOSeconds[k]
		if !ok {
			t = b.Targets.RPOSeconds["*"]
		}
		out = append(out, point{k, b.Timing.RPOSeconds[k], t})
	}
	return out
}

// rung is the number of a replay level; -1: none.
func rung(level string) int { return slices.Index([]string{"R0", "R1", "R2", "R3", "R4", "R5"}, level) }

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// plus adds up and stops at the largest number.
func plus(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}
