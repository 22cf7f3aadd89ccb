package drill

import (
	"fmt"
	"math"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
)

// month is what the law gives for a switch: 30 days.
const month = 30 * 24 * 60 * 60

// timing sums up. The measured exit begins with the first verify and ends with the read-back; a drill
// that was broken off is measured by the wall clock, its rest included. Where nothing was read back
// nothing was recovered, and there is no recovery time: a short one would look like a good one.
func (r *run) timing() evidence.Timing {
	t := evidence.Timing{Phases: r.st.Phases, RPOSeconds: map[string]uint64{}}
	export, exit := t.ExportSeconds(r.st.Attempts, r.st.Started), r.exitSeconds()
	if r.stop == nil && r.p.reaches(evidence.L2) {
		t.RTOSeconds = exit
	}
	if r.facts == nil {
		return t
	}
	for name, n := range r.facts.Records {
		if at := r.wholeUntil(name); n > 0 && !at.IsZero() && agentstate.IsState(name) && !r.ahead(at) {
			t.RPOSeconds[name] = uint64(math.Ceil(max(0, r.st.Started.Sub(at).Seconds()))) // never less than it was
		}
	}
	if r.facts.Archive.Records > 0 && r.stop == nil {
		t.Projection = r.projection(export, exit)
	}
	return t
}

// exitSeconds is how long it is from the first look at the archive to the end of the read-back. A later attempt verifies
// the archive again, and what comes behind the read-back is none of the exit.
func (r *run) exitSeconds() float64 {
	phases, exit, end := r.st.Phases, 0.0, time.Time{}
	if n := r.st.Recovered; n > 0 && n <= len(phases) {
		phases = phases[:n]
	}
	for _, ph := range phases {
		switch ph.Name {
		case phaseVerify, phasePlan, phaseReplay, phaseNeutral, phaseReadBack, phaseRead:
			exit += ph.Seconds
			end = ph.Start.Add(time.Duration(ph.Seconds * float64(time.Second)))
		}
	}
	if r.st.Attempts > 1 && !r.st.Exit.IsZero() {
		exit = max(exit, end.Sub(r.st.Exit).Seconds())
	}
	return exit
}

// projection is how long the full volume would take. Work grows with the records. The rest between two attempts does
// not, and counts as it was: the full volume takes no less than what was measured.
func (r *run) projection(export, exit float64) *evidence.Projection {
	n, full, whose := r.facts.Archive.Records, r.p.FullCount, "full_volume_records of the plan"
	if full == 0 {
		full, whose = n, "the records of the archive"
	}
	how := "verify"
	if r.p.reaches(evidence.L2) {
		how = "verify to read-back"
	}
	rest := min(r.st.RestExit, exit)
	if export > 0 {
		rest += min(r.st.RestExport, export)
	}
	less, more := "", ""
	if rest > 0 {
		less, more = fmt.Sprintf(" - %.3f s between attempts", rest), fmt.Sprintf(" + %.3f s between attempts", rest)
	}
	secs := (export+exit-rest)*float64(full)/float64(n) + rest
	return &evidence.Projection{Records: full, Seconds: secs, Limit: month,
		Formula: fmt.Sprintf("(%.3f s export + %.3f s %s%s) × %d (%s) / %d records measured%s = %.1f s of %d s (30 days)", export, exit, how, less, full, whose, n, more, secs, month)}
}

// ahead tells whether at is later than what happened then can be: a clock is wrong, this machine's or the source's, or
// the source dates records ahead, and a recovery point of 0 would be its word. Clocks of two machines are a minute apart.
func (r *run) ahead(at time.Time) bool {
	last := r.now()
	if r.p.Mode == evidence.Stressed { // the archive was there before
		last = r.st.Started
	}
	return at.After(last.Add(time.Minute))
}

// wholeUntil is the moment up to which the archive is known to have all of a kind: when its reading
// began, where its coverage says that all was read; else that of its newest record. Zero: not known.
func (r *run) wholeUntil(kind string) time.Time {
	var at time.Time
	if s := r.st.Seen; s != nil && s.Kinds[kind] != nil && s.Kinds[kind].Newest > 0 {
		at = time.Unix(0, s.Kinds[kind].Newest).UTC()
	}
	if r.facts.Verdict.Kinds[kind].Coverage > agentstate.Listed {
		return at
	}
	var from int64 = math.MaxInt64
	for _, st := range r.facts.Statements {
		from = min(from, st.FromUnixNano)
	}
	if from == math.MaxInt64 || from == 0 {
		return at
	}
	if began := time.Unix(0, from).UTC(); began.After(at) {
		return began
	}
	return at
}
