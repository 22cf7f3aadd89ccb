package drill

import (
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/harness"
)

// fidelity is what the read-back tells: 13, 29, 32 to 38, 40.
func (a *answers) fidelity() {
	r := a.r
	a.extra()
	au := &a.p.Authority
	switch {
	case r.neutral:
		a.untold(29, "nothing runs in a neutral store")
	case au.Widened+au.Raised > 0:
		say := ""
		if f := r.st.Back.Fidelity.Kinds["toolgrant"]; f != nil && f.Copies > 0 {
			say = fmt.Sprintf(" (%d of them stand beside another one under the same key)", f.Copies)
		}
		if n := r.undenied(); n > 0 {
			say += fmt.Sprintf(" (%d denials, or rules to ask first, are not in the target, which has other grants)", n)
		}
		if n := r.lifted().Lifted; n > 0 {
			say += fmt.Sprintf(" (%d denials, or rules to ask first, were written and are gone when read back; the target has other grants)", n)
		}
		a.set(29, evidence.Fail, evidence.Measured, "%d grants widened%s, %d records raised", au.Widened, say, au.Raised)
	default:
		a.narrow()
	}
	s := &a.p.Safety
	switch {
	case r.neutral:
		a.untold(32, "a neutral store revives nobody")
	case s.Revived > 0:
		a.set(32, evidence.Fail, evidence.Measured, "%d records that tombstones speak of are in the target; %d tombstones", s.Revived, s.Tombstones)
	default:
		say := ""
		if s.Tombstones == 0 {
			say = "; none was there to apply, so this shows nothing"
		}
		if n := r.st.Seen; n != nil && n.Unmet > 0 { // a slip of whoever wrote the key would pass as well
			say = fmt.Sprintf("; in the archive there is nothing under %d of them: erased at the source before, or misspelt", n.Unmet)
		}
		a.set(32, evidence.Pass, evidence.Measured, "%d tombstones, 0 revived%s", s.Tombstones, say)
	}
	a.survival()
	a.fields()
	a.links()
	a.times()
	switch v := a.p.Vectors; {
	case v != nil:
		res := evidence.Pass
		if v.Dropped > 0 {
			res = evidence.Warn
		}
		a.set(37, res, evidence.Measured, "hybrid: vectors of %d texts were to be made anew with %s, %d were not; every other kind: preserve, no model derived anything anew", v.Texts, v.Model, v.Dropped)
	case r.st.Unnamed:
		a.set(37, evidence.Warn, evidence.Derived, "preserve, for every kind: no model of the target derived anything anew; the target held vectors before, and neither side says with which model its vectors were made: where they are not of one, searches find what is near by chance")
	default:
		a.set(37, evidence.Pass, evidence.Derived, "preserve, for every kind: no model of the target derived anything anew")
	}
	switch {
	case r.neutral:
		a.untold(38, "nothing runs in a neutral store")
	case s.InjectionEffective > 0:
		a.set(38, evidence.Fail, evidence.Measured, "%d of %d planted instructions arrived, or came up since the plan, with an operator's authority%s", s.InjectionEffective, s.InjectionCanaries, r.st.saidBefore())
	case au.Raised > 0:
		a.set(38, evidence.Fail, evidence.Measured, "%d records speak with more authority than before", au.Raised)
	default:
		say := r.st.saidBefore()
		if s.InjectionCanaries == 0 {
			say = "; none was planted, so this shows nothing of what one would do"
		}
		a.set(38, evidence.Pass, evidence.Measured, "%d records quarantined, a person's file names %d to let through; of %d planted instructions 0 arrived with an operator's authority%s", a.held(), len(r.e.Replay.Approved)+len(r.e.Replay.Approvals), s.InjectionCanaries, say)
	}
	a.recall()
	a.tasks()
}

// met tells whether as large a share of the runs passed at the target as is wanted, of the share that passed at the
// source; without a source, of all. Some passed at the target.
func (t *Targets) met(s *harness.Scores) bool {
	source := s.Source
	if source == nil || source.Total == 0 {
		source = &harness.Rate{Passed: 1, Total: 1}
	}
	// One division of whole numbers: 55 of 100 are 0.55 as a plan says it, and 0.55 × 100 is a little more than 55.
	return float64(s.Target.Passed*source.Total)/float64(source.Passed*s.Target.Total) >= t.Tasks
}

// extra is 13.
func (a *answers) extra() {
	f := a.r.st.Back.Fidelity
	say := fmt.Sprintf("missing %d, extra %d, by kind in the table", f.MissingN, f.ExtraN)
	again := uint64(0)
	for _, k := range f.Kinds {
		again += k.Duplicates
	}
	if o := f.Kinds["opaque"]; o != nil && o.Extra > 0 {
		say += fmt.Sprintf("; of the extra ones %d are opaque, rows that fit no kind, as a runtime keeps for itself", o.Extra)
	}
	if again > 0 {
		say += fmt.Sprintf("; of the extra ones %d are under a key that another record has", again)
	}
	a.set(13, evidence.Pass, evidence.Measured, "%s", say)
}

// recall is 39.
func (a *answers) recall() {
	rc := a.r.st.Back.Recall
	switch {
	case a.r.p.Recall.Queries == 0:
		return
	case rc == nil || rc.Compared == 0:
		a.untold(39, "no memory in the archive and in the target has vectors that could be searched")
		return
	}
	res := evidence.Pass
	if rc.Overlap < 1 {
		res = evidence.Warn
	}
	said := func(model string) string {
		if model == "" {
			return "a model that is not said"
		}
		return model
	}
	why := fmt.Sprintf("%d memories drawn with seed %d, searched with their own vectors: %.4f of the first %d answers are the same (95 %%: %.4f to %.4f); vectors of %s before, of %s after",
		rc.Compared, rc.Seed, rc.Overlap, rc.K, rc.CI95[0], rc.CI95[1], said(a.p.Recall.ModelBefore), said(a.p.Recall.ModelAfter))
	if rc.Ranked > 0 {
		why += fmt.Sprintf("; each memory itself stands %+.2f places further behind on average, at worst %+d", rc.RankDelta, rc.RankWorst)
	}
	a.set(39, res, evidence.Measured, "%s", why)
}

// tasks is 40 and 41.
func (a *answers) tasks() {
	r, s := a.r, a.r.st.Tasks
	if s == nil {
		if !r.p.reaches(evidence.L4) && !r.neutral {
			level, like := r.stateLevel()
			a.set(40, evidence.Warn, evidence.Measured, "%s, %s; R4 and R5 need tasks", level, like)
		}
		return
	}
	level, how := r.tasksLevel()
	say := fmt.Sprintf("%s, %s; %d tasks, %d runs each: passed at the source %s, at the target %s", level, how, len(s.Tasks), s.Runs, s.Source, s.Target)
	if ci := s.Target.CI95(); ci != nil {
		say += fmt.Sprintf(" (95 %%: %.2f to %.2f, runs taken as independent)", ci[0], ci[1])
	}
	if s.Equal != nil {
		say += fmt.Sprintf("; the same calls and output as at the source in %s", s.Equal)
	}
	if s.NotJudged > 0 {
		say += fmt.Sprintf("; %d tasks were not judged", s.NotJudged)
	}
	switch {
	case s.Target.Total == 0:
		a.untold(40, "%s", say)
	case s.Target.Passed == 0:
		a.set(40, evidence.Fail, evidence.Measured, "%s", say)
	case !r.p.Targets.met(s):
		a.set(40, evidence.Fail, evidence.Measured, "%s; the plan wants %g of what passes at the source", say, r.p.Targets.Tasks)
	case r.st.Played["target"].Misses > 0, s.Source != nil && s.Target.Of() < s.Source.Of(), s.Source == nil && s.Target.Passed < s.Target.Total, s.NotJudged > 0:
		a.set(40, evidence.Warn, evidence.Measured, "%s", say)
	default:
		a.set(40, evidence.Pass, evidence.Measured, "%s", say)
	}
	if s.Cold == nil || s.Cold.Total == 0 {
		a.untold(41, "no tasks were run on a target without the state")
		return
	}
	res := evidence.Pass
	if s.Target.Passed <= s.Cold.Passed {
		res = evidence.Warn // the state was worth nothing to these tasks
	}
	a.set(41, res, evidence.Measured, "passed: source %s, target %s, target without the state %s; retained lift %s; TCS %s", s.Source, s.Target, s.Cold, s.RetainedLift(), s.TCS())
}

// survival is 33.
func (a *answers) survival() {
	arrived, due := a.p.Survival()
	var before, rows, bad, stays uint64
	var worst []string
	for i := range a.p.Kinds {
		k := &a.p.Kinds[i]
		stays += k.Stays
		if k.Kind == "opaque" { // a runtime's own bookkeeping, which its tables come with
			rows += k.Before
		} else {
			before += k.Before
		}
		if n := k.Missing + k.Differ + k.Refused + k.Conflicts; n > 0 {
			bad += n
			worst = append(worst, fmt.Sprintf("%s %d of %d", k.Kind, n, k.Archived))
		}
	}
	say := fmt.Sprintf("%d of %d records that were to arrive did, field by field or as announced", arrived, due)
	if before > 0 {
		say += fmt.Sprintf("; %d were in the target before and are not counted", before)
	}
	if stays > 0 {
		say += fmt.Sprintf("; %d of other kinds stay in the archive, as the plan has it", stays)
	}
	unmade := a.r.unmade()
	noPlace := a.r.noPlace() - unmade
	if noPlace > 0 {
		say += fmt.Sprintf("; no place in the target for %d more, which are listed as lost", noPlace)
	}
	if unmade > 0 {
		say += fmt.Sprintf("; %d vectors could not be made anew, which are listed as lost", unmade)
	}
	if rows > 0 {
		say += fmt.Sprintf("; %d rows of bookkeeping were in the target before, or are made by it", rows)
	}
	if len(worst) > 0 {
		say += fmt.Sprintf("; %d did not: %s", bad, strings.Join(worst, ", "))
	}
	least := a.r.p.Targets.Survival
	if least == 0 {
		least = 1
	}
	twice := a.r.st.Back.Fidelity.TwiceN
	if twice > 0 {
		say += fmt.Sprintf("; beyond the one that was due under its key: %d", twice)
	}
	switch {
	case twice > 0:
		a.set(33, evidence.Fail, evidence.Measured, "%s", say)
	case due == 0 && bad > 0: // all of it was there before, and some is not any more
		a.set(33, evidence.Fail, evidence.Measured, "%s", say)
	case due == 0:
		say := fmt.Sprintf("nothing was to arrive, and nothing did; %d records were in the target before, and it has no place for %d", before, noPlace)
		if r := a.r.st.Report; r != nil && r.Erased > 0 {
			say += fmt.Sprintf("; %d must not be revived", r.Erased)
		}
		a.untold(33, "%s", say)
	case float64(arrived)/float64(due) < least:
		a.set(33, evidence.Fail, evidence.Measured, "%s; the plan wants a share of %g", say, least)
	case bad > 0 || before > 0:
		a.set(33, evidence.Warn, evidence.Measured, "%s", say)
	default:
		a.set(33, evidence.Pass, evidence.Measured, "%s", say)
	}
}

// noPlace is how many records of these kinds, or of all, were skipped and are lost: the target has no place for them, or
// they are unmade.
func (r *run) noPlace(kinds ...string) uint64 {
	n := uint64(0)
	if r.st.Report != nil {
		for kind, whys := range r.st.Report.NoPlace {
			for _, of := range whys {
				if len(kinds) == 0 || slices.Contains(kinds, kind) {
					n += of
				}
			}
		}
	}
	return n
}

// unmade are, of noPlace, the vectors that could not be made anew.
func (r *run) unmade() uint64 {
	if r.st.Embedded == nil {
		return 0
	}
	return min(r.st.Embedded.Dropped, r.noPlace("embedding"))
}

// fields is 34.
func (a *answers) fields() {
	f := a.r.st.Back.Fidelity
	accepted, open := 0, 0
	for _, l := range a.p.Losses {
		if l.AcceptedBy != "" {
			accepted++
		} else {
			open++
		}
	}
	say := fmt.Sprintf("%d of %d fields exact, %d the same value in another form; grades add up", f.Grades[fidelity.Exact], f.Fields, f.Grades[fidelity.Equivalent])
	switch {
	case f.UnannouncedN > 0:
		a.set(34, evidence.Fail, evidence.Measured, "%s; %d fields differ, and nobody had said so", say, f.UnannouncedN)
	case accepted+open > 0:
		a.set(34, evidence.Warn, evidence.Measured, "%s; %d losses are listed, %d of them accepted by somebody", say, accepted+open, accepted)
	default:
		a.set(34, evidence.Pass, evidence.Measured, "%s", say)
	}
}

// links is 35: what leads nowhere in the target, and did in the archive.
func (a *answers) links() {
	var total, resolved, open, alone, wasAlone, whole, came, archived, broken uint64
	worse := false // some references of one field, whatever became of others
	for name, l := range a.r.st.Back.Fidelity.Links {
		whole, came, archived = whole+mended(l), came+l.Came().Total, archived+l.Want.Total
		more := l.Came().Orphans() > l.Want.Orphans()
		worse, broken = worse || more, broken+l.Broken
		if name == fidelity.ToolCalls || name == fidelity.ToolResults {
			if k := a.r.st.Back.Fidelity.Kinds["message"]; more && k != nil {
				broken += k.Missing // which of them had the other end is not known
			}
			alone, wasAlone = alone+l.Came().Orphans(), wasAlone+l.Want.Orphans()
			continue
		}
		total, resolved, open = total+l.Came().Total, resolved+l.Came().Resolved, open+l.Want.Orphans()
	}
	switch n := a.r.st.Back.Fidelity.Records; {
	case came > 0:
	case archived > 0 || n == 0:
		a.untold(35, "no record came that refers to another; of those that were to come the archive has references: %d", archived)
		return
	default:
		a.set(35, evidence.Pass, evidence.Measured, "none of the %d records that came refers to another, here or in the archive", n)
		return
	}
	say := fmt.Sprintf("%d of %d references lead to a record, %d led nowhere in the archive; %d tool calls or results stand alone, %d did in the archive; %d were repaired on the way", resolved, total, open, alone, wasAlone, whole)
	away := uint64(0) // what did not arrive leaves references open, and was said
	for _, k := range a.p.Kinds {
		away += k.Quarantined + k.Refused + k.Conflicts + k.Skipped
	}
	res := evidence.Pass
	if worse {
		say = fmt.Sprintf("%s; %d records did not come along", say, away)
		if res = evidence.Warn; away == 0 || broken > 0 {
			res = evidence.Fail
		}
	}
	if broken > 0 {
		res, say = evidence.Fail, say+"; some lead to records that were to come, and are gone when read back"
	}
	a.set(35, res, evidence.Measured, "%s", say)
}

// times is 36.
func (a *answers) times() {
	t := &a.r.st.Back.Fidelity.Times
	if t.Records == 0 {
		a.untold(36, "no record came of which the archive says when it was made")
		return
	}
	res := evidence.Pass
	if t.Kept < t.Records || t.GotInversions > t.WantInversions || t.Reordered > 0 {
		res = evidence.Warn
	}
	say := fmt.Sprintf("%d of %d times of creation kept, %d lost, largest shift %s; %d messages are older than the one before them, %d were in the archive",
		t.Kept, t.Records, t.Lost, t.Shift, t.GotInversions, t.WantInversions)
	if t.Reordered > 0 {
		say += fmt.Sprintf("; %d messages are read behind one that they stood before, and nothing else in the target says which is first", t.Reordered)
	}
	a.set(36, res, evidence.Measured, "%s", say)
}
