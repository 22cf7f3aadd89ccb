package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/secrets"
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
		a.set(31, res, evidence.Measured, "%d of %d records say whether they were provided, observed or inferred; %s", said, n, a.redacted())
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
		res, say := evidence.Pass, ""
		if n := f.Archive.OwnEscrow(); n > 0 {
			res, say = evidence.Warn, fmt.Sprintf("; %d of these the operator's own, which is lost with it", n)
		}
		a.set(30, res, evidence.Measured, "encrypted (%s), opened with the operator's key and with each of %d escrow keys%s", f.Weakest, f.Escrow, say)
	}
}

// redacted says what was taken out of records when the source was read.
func (a *answers) redacted() string {
	sum := a.r.scanned()
	switch {
	case sum == nil:
		return "nobody looked for what to take out"
	case sum.Mode != secrets.Redact.String():
		return "nothing was taken out"
	}
	places, records := sum.Total()
	return fmt.Sprintf("secrets were taken out of %d places in %d records", places, records)
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
	if places > 0 && sum.Mode != secrets.Redact.String() {
		res = evidence.Warn
	}
	a.set(28, res, evidence.Measured, "%s", say)
}

// exit is 42 and 43.
func (a *answers) exit() {
	t, p := &a.p.Timing, a.r.p
	var parts, bad []string
	if rto := p.Targets.RTO; rto > 0 && t.RTOSeconds > 0 {
		parts = append(parts, fmt.Sprintf("RTO %.1f s of %s", t.RTOSeconds, text(rto)))
		if t.RTOSeconds > float64(rto.seconds()) {
			bad = append(bad, "RTO")
		}
	}
	points, late, due := a.recoveryPoints()
	parts, bad = append(parts, points...), append(bad, late...)
	slices.Sort(bad)
	if t.Projection != nil {
		parts = append(parts, t.Projection.Formula)
		if t.Projection.Seconds > month {
			bad = append(bad, "the full volume takes more than 30 days")
		}
	}
	if set := a.r.clockSet(); set != "" {
		parts, due = append(parts, set), true
	}
	say := strings.Join(append(parts, bad...), "; ")
	switch {
	case a.r.stop != nil:
		a.set(42, evidence.Fail, evidence.Measured, "the exit did not end: %s", a.r.stop.Why)
	case p.Targets.RTO == 0 || len(p.Targets.RPO) == 0:
		a.untold(42, "%s; the plan sets no target for RTO, RPO or both", say)
	case t.RTOSeconds == 0 && len(bad) == 0:
		a.untold(42, "%s; nothing is imported at %s, so no recovery time was measured", say, p.Level)
	case len(bad) > 0:
		a.set(42, evidence.Fail, evidence.Measured, "%s", say)
	case due:
		a.untold(42, "%s", say)
	default:
		a.set(42, evidence.Pass, evidence.Measured, "%s", say)
	}
	a.set(43, evidence.Warn, evidence.Measured, "obstacles listed: %d; what the provider states of its limits was not compared", len(a.p.Obstacles))
}

// recoveryPoints says what is known of them, and what of that is worse than the plan's targets. due: of a kind that has
// one, none is known.
func (a *answers) recoveryPoints() (parts, bad []string, due bool) {
	t, p := &a.p.Timing, a.r.p
	late := map[string][]string{} // kinds by how late, and of what
	missed := 0
	for k, secs := range t.RPOSeconds {
		target, ok := p.Targets.rpo(k)
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
	var silent, ahead []string
	for k, n := range a.r.facts.Records {
		if _, ok := t.RPOSeconds[k]; ok || n == 0 || !agentstate.IsState(k) {
			continue
		}
		if a.r.ahead(a.r.wholeUntil(k)) {
			ahead = append(ahead, k)
			_, target := p.Targets.rpo(k)
			due = due || target
		} else {
			silent = append(silent, k)
		}
	}
	slices.Sort(silent)
	slices.Sort(ahead)
	if n := len(t.RPOSeconds); n > 0 {
		parts = append(parts, fmt.Sprintf("RPO met by %d of %d kinds", n-missed, n))
	}
	if len(silent) > 0 {
		parts = append(parts, "no time is known of "+strings.Join(silent, ", "))
	}
	if len(ahead) > 0 {
		parts = append(parts, "a clock is wrong, or the source dates records ahead: the archive has what is of later than this drill, so no recovery point is known of "+strings.Join(ahead, ", "))
	}
	return parts, bad, due
}

// limits is 46.
func (a *answers) limits() {
	var open, late []string
	for _, f := range a.r.p.Findings {
		switch {
		case f.State != "open":
		case f.Owner == "" || f.Due == "" || f.Retest == "":
			open = append(open, f.ID)
		case a.r.past(f.Due) || a.r.past(f.Retest):
			late = append(late, f.ID)
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
	case a.r.past(a.r.p.Review):
		a.untold(46, "the next review was to be on %s, which was before this drill: the plan does not say when the next one is", a.r.p.Review)
	default:
		res, say := evidence.Pass, ""
		if len(late) > 0 {
			res, say = evidence.Warn, fmt.Sprintf(", %d open beyond the day on which they were due or to be tested again: %s", len(late), strings.Join(late, ", "))
		}
		a.set(46, res, evidence.Declared, "%d statements not tested and %d limits are listed; %d findings, each with owner and dates%s; next review %s", untold, len(a.p.Limits), len(a.r.p.Findings), say, a.r.p.Review)
	}
}
