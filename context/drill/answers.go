package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/fidelity"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

type (
	statement = *pb.Completeness
	kindFacts = *pb.KindCompleteness
)

// text is a duration as people read it.
func text(d Duration) string {
	switch t := time.Duration(d); {
	case t == 0:
		return "none"
	case t >= 48*time.Hour && t%(24*time.Hour) == 0:
		return fmt.Sprintf("%d d", t/(24*time.Hour))
	default:
		s := t.String()
		s = strings.TrimSuffix(s, "0s")
		if strings.HasSuffix(s, "h0m") {
			s = strings.TrimSuffix(s, "0m")
		}
		return s
	}
}

// archive is 17 to 32, as far as the archive alone tells.
func (a *answers) archive() {
	f := a.r.facts
	var blank []string
	kinds := 0
	for k, n := range f.Records {
		if n == 0 {
			continue
		}
		if kinds++; !f.Schemas[k] {
			blank = append(blank, k)
		}
	}
	slices.Sort(blank)
	switch {
	case len(blank) > 0:
		a.set(17, evidence.Fail, evidence.Measured, "the schema inside the archive does not describe %s", strings.Join(blank, ", "))
	case !f.Known:
		a.set(17, evidence.Warn, evidence.Measured, "the schema inside describes all %d kinds, and no known release published it", kinds)
	default:
		a.set(17, evidence.Pass, evidence.Measured, "protobuf in zstd in ZIP; the schema inside the archive describes all %d kinds", kinds)
	}
	if s := a.r.st.Seen; s != nil {
		n, with, said, inferred := uint64(0), uint64(0), uint64(0), uint64(0)
		for _, k := range s.Kinds {
			n, with, said, inferred = n+k.Records, with+k.Native+k.Views, said+k.Said, inferred+k.Inferred
		}
		res := evidence.Pass
		if with < n {
			res = evidence.Warn
		}
		a.set(19, res, evidence.Measured, "%d of %d records have the runtime's own bytes or are read from records that have them; %d are concluded, as by a model", with, n, inferred)
		res = evidence.Pass
		if said < n {
			res = evidence.Warn
		}
		a.set(31, res, evidence.Measured, "%d of %d records say whether they were provided, observed or inferred; nothing was redacted", said, n)
	}
	a.integrity()
	refused := 0
	for i := range a.r.controls {
		if a.r.controls[i].Refused() {
			refused++
		}
	}
	skipped := ""
	if len(a.r.skipped) > 0 {
		skipped = "; does not apply: " + strings.Join(a.r.skipped, "; ")
	}
	switch {
	case len(a.r.controls) == 0:
		a.untold(23, "no control was run")
	case refused < len(a.r.controls):
		a.set(23, evidence.Fail, evidence.Measured, "%d of %d altered copies were refused for what was altered%s", refused, len(a.r.controls), skipped)
	default:
		a.set(23, evidence.Pass, evidence.Measured, "%d of %d altered copies were refused for what was altered%s", refused, len(a.r.controls), skipped)
	}
	switch {
	case len(f.Archive.SignedBy) == 0:
		a.untold(24, "nobody signed the archive")
	case f.Stamped.IsZero():
		a.untold(24, "the signature has no time stamp that was asked for")
	default:
		a.set(24, evidence.Pass, evidence.Measured, "signed at %s, by a time stamp authority; whether it is a qualified one was not checked", f.Stamped.Format(time.RFC3339))
	}
	a.custody()
	a.secrets()
	switch {
	case !f.Archive.Encrypted:
		a.set(30, evidence.Warn, evidence.Measured, "the archive is not encrypted")
	case f.Escrow == 0:
		a.set(30, evidence.Warn, evidence.Measured, "encrypted (%s), opened with the operator's key; no escrow key was tried", f.Weakest)
	default:
		a.set(30, evidence.Pass, evidence.Measured, "encrypted (%s), opened with the operator's key and with each of %d escrow keys", f.Weakest, f.Escrow)
	}
}

// integrity is 22.
func (a *answers) integrity() {
	f := a.r.facts
	say := fmt.Sprintf("manifest sha256 %.16s…, %d records, every byte and record checked", f.Archive.ManifestSHA256, f.Archive.Records)
	if len(f.NotVerified) > 0 {
		say += "; not verified: " + strings.Join(f.NotVerified, ", ")
	}
	switch {
	case len(f.Archive.SignedBy) == 0:
		a.untold(22, "%s; nobody signed it, so whose it is was not tested", say)
	case f.Independent == "":
		a.set(22, evidence.Warn, evidence.Measured, "%s, signed by %s; no other program checked it", say, strings.Join(short(f.Archive.SignedBy), ", "))
	default:
		a.set(22, evidence.Pass, evidence.Measured, "%s, signed by %s; checked by %s as well", say, strings.Join(short(f.Archive.SignedBy), ", "), f.Independent)
	}
}

func short(ids []string) []string {
	var out []string
	for _, id := range ids {
		out = append(out, id[:min(16, len(id))])
	}
	return out
}

// custody is 26: one archive, from seal to read-back.
func (a *answers) custody() {
	sum := a.r.facts.Archive.ManifestSHA256
	if slices.ContainsFunc(a.r.digests, func(d string) bool { return d != sum }) {
		a.set(26, evidence.Fail, evidence.Measured, "the archive was exchanged during the drill: %s", strings.Join(a.r.digests, ", "))
		return
	}
	a.set(26, evidence.Pass, evidence.Measured, "one archive, manifest sha256 %.16s…, in every phase; %d hand-overs listed", sum, len(a.p.Custody))
}

// secrets is 28.
func (a *answers) secrets() {
	sum := a.r.scanned()
	credentials := a.r.facts.Records["credential"]
	if sum == nil {
		a.untold(28, "nobody looked for secrets when the source was read; %d credentials are in the archive, as references", credentials)
		return
	}
	places, records := sum.Total()
	say := fmt.Sprintf("looked for: %s; found %d places in %d records: %s; %d credentials as references", sum.Rules, places, records, sum.Mode, credentials)
	res := evidence.Pass
	if sum.BlobsNotScanned > 0 {
		res, say = evidence.Warn, fmt.Sprintf("%s; %d blobs were too large to be looked at", say, sum.BlobsNotScanned)
	}
	if places > 0 && sum.Mode != "redact" {
		res = evidence.Warn
	}
	a.set(28, res, evidence.Measured, "%s", say)
}

// fidelity is what the read-back tells: 13, 29, 32 to 38, 40.
func (a *answers) fidelity() {
	b, r := a.r.st.Back, a.r
	f := b.Fidelity
	a.set(13, evidence.Pass, evidence.Measured, "missing %d, extra %d, by kind in the table", f.MissingN, f.ExtraN)
	au := &a.p.Authority
	switch {
	case r.neutral:
		a.untold(29, "nothing runs in a neutral store")
	case au.Widened+au.Raised > 0:
		a.set(29, evidence.Fail, evidence.Measured, "%d grants widened, %d records raised", au.Widened, au.Raised)
	default:
		a.set(29, evidence.Pass, evidence.Measured, "%d grants: %d reproduced, %d not or less, 0 widened; 0 roles raised; %d records wait for a person", au.Grants, au.Reproduced, au.Reduced, len(au.Reconsent))
	}
	s := &a.p.Safety
	switch {
	case r.neutral:
		a.untold(32, "a neutral store revives nobody")
	case s.Revived > 0:
		a.set(32, evidence.Fail, evidence.Measured, "%d records came back that were erased, of %d tombstones", s.Revived, s.Tombstones)
	default:
		a.set(32, evidence.Pass, evidence.Measured, "%d tombstones, 0 revived", s.Tombstones)
	}
	a.survival()
	a.fields()
	a.links()
	a.times()
	a.set(37, evidence.Pass, evidence.Derived, "preserve, for every kind: records were written as they are, and nothing was derived anew by the target's model")
	held := uint64(0)
	for _, k := range a.p.Kinds {
		held += k.Quarantined
	}
	switch {
	case r.neutral:
		a.untold(38, "nothing runs in a neutral store")
	case s.InjectionEffective > 0:
		a.set(38, evidence.Fail, evidence.Measured, "%d of %d planted instructions arrived with an operator's authority", s.InjectionEffective, s.InjectionCanaries)
	case au.Raised > 0:
		a.set(38, evidence.Fail, evidence.Measured, "%d records speak with more authority than before", au.Raised)
	default:
		a.set(38, evidence.Pass, evidence.Measured, "%d records quarantined, %d let through by a person's file; of %d planted instructions 0 arrived with an operator's authority", held, len(r.e.Replay.Approved), s.InjectionCanaries)
	}
	a.tasks()
}

// tasks is 40 and 41.
func (a *answers) tasks() {
	r, f := a.r, a.r.st.Back.Fidelity
	s := r.st.Tasks
	if s == nil {
		if !r.p.reaches(evidence.L4) && !r.neutral {
			a.set(40, evidence.Warn, evidence.Measured, "R3, state equal: %d of %d records, one run; R4 and R5 need tasks", f.Same, f.Records+f.MissingN)
		}
		return
	}
	say := fmt.Sprintf("R5, %d tasks, %d runs each: passed at the source %s, at the target %s", len(s.Tasks), s.Runs, s.Source, s.Target)
	if s.NotJudged > 0 {
		say += fmt.Sprintf("; %d tasks were not judged", s.NotJudged)
	}
	switch {
	case s.Target.Total == 0:
		a.untold(40, "%s", say)
	case s.Target.Passed == 0:
		a.set(40, evidence.Fail, evidence.Measured, "%s", say)
	case s.Source != nil && s.Target.Of() < s.Source.Of(), s.Source == nil && s.Target.Passed < s.Target.Total, s.NotJudged > 0:
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
	a.set(41, res, evidence.Measured, "passed: source %s, target %s, target without the state %s", s.Source, s.Target, s.Cold)
}

// survival is 33.
func (a *answers) survival() {
	var due, arrived, before, rows, bad uint64
	var worst []string
	for i := range a.p.Kinds {
		k := &a.p.Kinds[i]
		due += k.Imported + k.Refused + k.Conflicts - min(k.Before, k.Imported)
		came := k.Matched + k.Announced
		arrived += came - min(k.Before, came)
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
	if rows > 0 {
		say += fmt.Sprintf("; %d rows of bookkeeping were in the target before", rows)
	}
	if len(worst) > 0 {
		say += "; not: " + strings.Join(worst, ", ")
	}
	least := a.r.p.Targets.Survival
	if least == 0 {
		least = 1
	}
	switch {
	case due == 0:
		a.untold(33, "nothing was to arrive; %d records were in the target before", before)
	case float64(arrived) < least*float64(due):
		a.set(33, evidence.Fail, evidence.Measured, "%s; the target is %g", say, least)
	case bad > 0 || before > 0:
		a.set(33, evidence.Warn, evidence.Measured, "%s", say)
	default:
		a.set(33, evidence.Pass, evidence.Measured, "%s", say)
	}
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
	say := fmt.Sprintf("%d of %d fields exact; grades add up", f.Grades[fidelity.Exact], f.Fields)
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
	was, is := a.r.st.Seen, a.r.st.Back.Seen
	if was == nil {
		a.untold(35, "the archive's own links were not looked at")
		return
	}
	var total, resolved, orphans, open, alone uint64
	for _, k := range is.Kinds {
		total, resolved, orphans = total+k.Links.Total, resolved+k.Links.Resolved, orphans+k.Links.Orphans
	}
	for _, k := range was.Kinds {
		open, alone = open+k.Links.Total-k.Links.Resolved, alone+k.Links.Orphans
	}
	say := fmt.Sprintf("%d of %d references lead to a record; %d tool calls or results stand alone, %d did in the archive; nothing was repaired", resolved, total, orphans, alone)
	away := uint64(0) // what did not arrive leaves references open, and was said
	for _, k := range a.p.Kinds {
		away += k.Quarantined + k.Refused + k.Conflicts + k.Skipped
	}
	switch {
	case orphans > alone:
		a.set(35, evidence.Fail, evidence.Measured, "%s", say)
	case total-resolved > open && away == 0:
		a.set(35, evidence.Fail, evidence.Measured, "%s; %d led nowhere in the archive", say, open)
	case total-resolved > open:
		a.set(35, evidence.Warn, evidence.Measured, "%s; %d led nowhere in the archive, and %d records did not come along", say, open, away)
	default:
		a.set(35, evidence.Pass, evidence.Measured, "%s", say)
	}
}

// times is 36.
func (a *answers) times() {
	var total, kept, inversions, was uint64
	for _, k := range a.p.Kinds {
		if k.Times != nil {
			total, kept, inversions = total+k.Times.Total, kept+k.Times.Original, inversions+k.Times.Inversions
		}
	}
	if s := a.r.st.Seen; s != nil {
		for _, k := range s.Kinds {
			was += k.Inversions
		}
	}
	res := evidence.Pass
	if kept < total || inversions > was {
		res = evidence.Warn
	}
	a.set(36, res, evidence.Measured, "%d of %d times of creation kept; %d messages are older than the one before them, %d were in the archive", kept, total, inversions, was)
}

// exit is 42 and 43.
func (a *answers) exit() {
	t, p := &a.p.Timing, a.r.p
	var parts, bad []string
	if rto := p.Targets.RTO; rto > 0 {
		parts = append(parts, fmt.Sprintf("RTO %.1f s of %s", t.RTOSeconds, text(rto)))
		if t.RTOSeconds > float64(rto.seconds()) {
			bad = append(bad, "RTO")
		}
	}
	late := map[string][]string{} // kinds by how late, and of what
	missed := 0
	for k, secs := range t.RPOSeconds {
		target, ok := p.Targets.RPO[k]
		if !ok {
			target, ok = p.Targets.RPO["*"]
		}
		if ok && secs > target.seconds() {
			missed++
			say := fmt.Sprintf("%s of %s", text(Duration(secs)*Duration(time.Second)), text(target))
			late[say] = append(late[say], k)
		}
	}
	for say, kinds := range late {
		slices.Sort(kinds)
		bad = append(bad, fmt.Sprintf("RPO %s: %s", say, strings.Join(kinds, ", ")))
	}
	slices.Sort(bad)
	var silent []string
	for k, n := range a.r.facts.Records {
		if _, ok := t.RPOSeconds[k]; !ok && n > 0 && agentstate.IsState(k) {
			silent = append(silent, k)
		}
	}
	slices.Sort(silent)
	if n := len(t.RPOSeconds); n > 0 {
		parts = append(parts, fmt.Sprintf("RPO met by %d of %d kinds", n-missed, n))
	}
	if len(silent) > 0 {
		parts = append(parts, "no time is known of "+strings.Join(silent, ", "))
	}
	if t.Projection != nil {
		parts = append(parts, t.Projection.Formula)
		if t.Projection.Seconds > month {
			bad = append(bad, "the full volume takes more than 30 days")
		}
	}
	say := strings.Join(append(parts, bad...), "; ")
	switch {
	case a.r.stop != nil:
		a.set(42, evidence.Fail, evidence.Measured, "the exit did not end: %s", a.r.stop.Why)
	case p.Targets.RTO == 0 || len(p.Targets.RPO) == 0:
		a.untold(42, "%s; the plan sets no target for RTO, RPO or both", say)
	case len(bad) > 0:
		a.set(42, evidence.Fail, evidence.Measured, "%s", say)
	default:
		a.set(42, evidence.Pass, evidence.Measured, "%s", say)
	}
	a.set(43, evidence.Pass, evidence.Measured, "%d obstacles are listed; what the provider states of its limits was not compared", len(a.p.Obstacles))
}

// limits is 46.
func (a *answers) limits() {
	var open []string
	for _, f := range a.r.p.Findings {
		if f.State == "open" && (f.Owner == "" || f.Due == "" || f.Retest == "") {
			open = append(open, f.ID)
		}
	}
	untold := 0
	for _, c := range a.list[:45] {
		if c.Result == evidence.Untold {
			untold++
		}
	}
	switch {
	case len(open) > 0:
		a.set(46, evidence.Fail, evidence.Declared, "findings without owner, due date or date of re-test: %s", strings.Join(open, ", "))
	case a.r.p.Review == "":
		a.untold(46, "the plan does not say when the next review is")
	default:
		a.set(46, evidence.Pass, evidence.Declared, "%d statements not tested and %d limits are listed; %d findings, each with owner and dates; next review %s", untold, len(a.p.Limits), len(a.r.p.Findings), a.r.p.Review)
	}
}
