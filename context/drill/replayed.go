package drill

import (
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/context/replay"
)

// recall is what searches by vector found.
func (r *run) recall() *evidence.Recall {
	if r.st.Back == nil || r.st.Back.Recall == nil || r.st.Back.Recall.Compared == 0 {
		return nil
	}
	x := r.st.Back.Recall
	after := x.After.Model
	if after == "" && r.st.Embedded != nil { // few stores say it
		after = r.st.Embedded.Model + ", as made in this drill"
	}
	return &evidence.Recall{
		Queries: x.Queries, QuerySetDigest: evidence.Digest{SHA256: x.QuerySet}, K: x.K, Before: x.Before.Recall, After: x.After.Recall, Overlap: x.Overlap,
		CI95: x.CI95, ChangeCI95: x.ChangeCI95, EmptyBefore: x.Before.Empty, EmptyAfter: x.After.Empty, ModelBefore: x.Before.Model, ModelAfter: after,
		Ranked: x.Ranked, RankDelta: x.RankDelta, RankWorst: x.RankWorst,
	}
}

// replayed says how far each kind came: R3 where all of it is alike, or as announced; else R2, taken by
// the target. Tasks come behind: see tasksLevel.
func (r *run) replayed() []evidence.Replayed {
	if r.neutral || r.st.Back == nil {
		return nil
	}
	var out []evidence.Replayed
	for kind, f := range r.st.Back.Fidelity.Kinds {
		if f.Records == 0 {
			continue
		}
		shared := true // records of it were taken from the one and read in the other
		x := evidence.Replayed{Feature: kind, Level: "R3", Runs: 1, Passed: 1, Equal: once(f.Same == f.Records+f.Missing), Shared: &shared}
		like := f.Same + f.Announced
		if like < f.Records+f.Missing {
			x.Level = "R2"
		}
		x.Judge = fmt.Sprintf("comparison field by field: %d of %d records", like, f.Records+f.Missing)
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b evidence.Replayed) int { return strings.Compare(a.Feature, b.Feature) })
	s := r.st.Tasks
	if r.st.Report != nil { // as AC-40 has it
		level, like := r.stateLevel()
		all := r.st.Back.Fidelity
		out = append(out, evidence.Replayed{Feature: evidence.FeatureAll, Level: level, Runs: 1, Passed: 1, Equal: once(all.Same == all.Records+all.MissingN && all.TwiceN == 0), Judge: like})
	}
	if s != nil && s.Target != nil {
		level, how := r.tasksLevel()
		x := evidence.Replayed{Feature: evidence.FeatureTasks, Level: level, Runs: uint64(s.Target.Total), Passed: uint64(s.Target.Passed), CI95: s.Target.CI95(), Judge: how + "; " + r.continuity().Judge}
		if s.Equal != nil {
			n, shared := uint64(s.Equal.Passed), s.Equal.Total > 0
			x.Equal, x.Shared = &n, &shared
		}
		out = append(out, x)
	}
	return out
}

// once is how many of one comparison were equal.
func once(equal bool) *uint64 {
	n := uint64(0)
	if equal {
		n = 1
	}
	return &n
}

// tasksLevel is the level that the tasks reached, and in words: that of the state, where not one passed at the target.
func (r *run) tasksLevel() (level, how string) {
	level, how = r.tasksTried()
	if t := r.st.Tasks.Target; (t == nil || t.Passed == 0) && r.st.Back != nil && r.st.Report != nil {
		tried := level
		level, _ = r.stateLevel()
		how = fmt.Sprintf("tried at %s, and no task passed at the target; %s", tried, how)
	}
	return level, how
}

// tasksTried is the level that the tasks were run at: R4 with a model that answers as it was recorded, R5 with the
// one that the programs ask by themselves.
func (r *run) tasksTried() (level, how string) {
	if r.p.Tasks.Cassette == "" {
		return "R5", "with the model that the programs ask"
	}
	var parts []string
	for _, side := range []string{harness.Source, harness.Target, harness.Cold} {
		if p, ok := r.st.Played[side]; ok {
			parts = append(parts, fmt.Sprintf("%s %d of %d", side, p.Requests-p.Misses, p.Requests))
		}
	}
	return "R4", "with the model's answers as they were recorded; requests as recorded: " + strings.Join(parts, ", ")
}

// stateLevel is how far the state came as a whole, and in words. What was not written is no part of it,
// and is said.
func (r *run) stateLevel() (level, like string) {
	f := r.st.Back.Fidelity
	level, like = "R3", "state equal"
	if f.Same < f.Records {
		like = "state as announced"
	}
	if f.Same+f.Announced < f.Records+f.MissingN || f.TwiceN > 0 {
		level, like = "R2", "taken by the target"
	}
	like = fmt.Sprintf("%s: %d of %d records in every field, %d more as announced or in another form; one run", like, f.Same, f.Records+f.MissingN, f.Announced)
	away := r.noPlace()
	for _, acts := range r.st.Report.Kinds {
		away += acts[replay.Refused] + acts[replay.Conflict] + acts[replay.Held]
	}
	if away > 0 {
		like += fmt.Sprintf("; %d records were not written and are not among them", away)
	}
	return level, like
}

// continuity is what the tasks showed.
func (r *run) continuity() *evidence.Continuity {
	s := r.st.Tasks
	if s == nil {
		return nil
	}
	c := &evidence.Continuity{Tasks: uint64(len(s.Tasks)), Judge: "rules of the suite"}
	if len(r.p.Tasks.Judge) > 0 {
		c.Judge = "rules of the suite, and a judge command"
	}
	for _, side := range []struct {
		name string
		rate *harness.Rate
		to   *uint64
	}{{"source", s.Source, &c.Source}, {"target", s.Target, &c.Target}, {"cold", s.Cold, &c.Cold}} {
		if side.rate == nil {
			c.NotRun = append(c.NotRun, side.name)
			continue
		}
		*side.to, c.Runs = uint64(side.rate.Passed), max(c.Runs, uint64(side.rate.Total))
	}
	c.TCS, c.RetainedLift = s.TCS().String(), s.RetainedLift().String()
	return c
}
