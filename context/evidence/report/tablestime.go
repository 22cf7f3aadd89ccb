package report

import (
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/evidence"
)

func (b *book) timeTables() []*table {
	phases := newTable("phases", "Phases of the drill", "id=phase", "started", "seconds=took", "#records", "#records_per_second=records a second", "#bytes")
	for _, p := range b.Timing.Phases {
		rate := cell{}
		if r := float64(p.Records) / p.Seconds; p.Seconds > 0 && p.Records > 0 && r < 1<<53 {
			rate = cellOf(uint64(r))
		}
		phases.put(p.Name, p.Start, duration(p.Seconds), p.Records, rate, p.Bytes)
	}
	points := newTable("recovery-points", "Recovery point by kind: start of the drill minus the moment up to which the archive is known to hold what the source held", "id=kind", "measured_seconds=measured", "target_seconds=target", "outcome")
	for _, r := range b.recoveryPoints() {
		target := cell{"", "none"}
		if r.target > 0 {
			target = cellOf(duration(r.target))
		}
		points.put(r.kind, duration(r.measured), target, state(r.target > 0, r.measured <= r.target))
	}
	clock := newTable("clock", "Recovery time, and the full volume against 30 days", "id=row", "seconds=measured or computed", "limit_seconds=limit", "how")
	target := cell{"", "none was set"}
	if t := b.Targets.RTOSeconds; t > 0 {
		target = cellOf(duration(t))
	}
	if b.Timing.RTOSeconds > 0 {
		clock.put("recovery-time", duration(b.Timing.RTOSeconds), target, "from opening the archive to the end of reading back")
	}
	if p := b.Timing.Projection; p != nil {
		clock.put("full-volume", duration(p.Seconds), duration(p.Limit), grouped(p.Records)+" records: "+p.Formula)
	}
	obstacles := newTable("obstacles", "What stood in the way", "id=row", "at", "side=whose", "what", "kind", "#count", "promised=what the provider states", "article=input to")
	for i, o := range b.Obstacles {
		obstacles.put("obstacle-"+cellOf(i+1).raw, o.At, o.Side, o.What, o.Kind, o.Count, o.Promised, o.Article)
	}
	costs := newTable("costs", "Costs, as declared", "id=row", "item", "amount", "currency", "class")
	for i, c := range b.Costs {
		costs.put("cost-"+cellOf(i+1).raw, c.Item, c.Amount, c.Currency, c.Class)
	}
	return []*table{phases, points, clock, obstacles, costs}
}

func (b *book) integrityTables() []*table {
	controls := newTable("negative-controls", "What had to be refused, and whether it was", "id=row", "what", "expected=expected refusal", "observed=what was seen", "held")
	for i := range b.NegativeControls {
		n := &b.NegativeControls[i]
		seen := cell{n.Observed, "refused: " + clean(n.Observed)}
		if n.Observed == "" {
			seen.text = "accepted"
		}
		controls.put("control-"+cellOf(i+1).raw, n.What, n.Expected, seen, n.Refused())
	}
	custody := newTable("custody", "Chain of custody", "id=row", "at", "from", "to", "sha256_in=digest in", "sha256_out=digest out", "same_digest")
	for i, h := range b.Custody {
		same := cell{"", "nothing to compare"}
		if h.DigestIn.SHA256 != "" && h.DigestOut.SHA256 != "" {
			same = cellOf(h.DigestIn == h.DigestOut)
		}
		custody.put("handover-"+cellOf(i+1).raw, h.At, h.From, h.To, h.DigestIn.SHA256, h.DigestOut.SHA256, same)
	}
	trend := newTable("trend", "Drills of the ledger, the newest last", "id=ledger entry", "ended", "level", "mode", "target", "verdict", "rto_seconds=recovery time", "#arrived", "#due", "recall", "schema=schema of the source", "drift=beside the drill before")
	past := b.trend()
	for i, p := range past {
		recall := cell{"", "not tested"}
		if p.Recall != nil {
			recall = shareCell(*p.Recall)
		}
		trend.put(cellOf(p.LedgerIndex).raw, p.EndedAt, string(p.Level), string(p.Mode), p.Target, string(p.Verdict), duration(p.RTOSeconds), p.Arrived, p.Due, recall, p.Schema, drift(past, i))
	}
	findings := newTable("findings", "Findings, with owner and dates", "id=finding", "severity", "finding=what", "owner", "due", "retest", "state")
	for _, f := range b.Findings {
		findings.put(f.ID, f.Severity, f.Text, f.Owner, f.Due, f.Retest, f.State)
	}
	assumed := newTable("assumptions", "What the plan takes for granted", "id=row", "assumption", "held")
	for i, a := range b.Drill.Assumptions {
		assumed.put("assumption-"+cellOf(i+1).raw, a.Text, a.Held)
	}
	return []*table{controls, custody, trend, findings, assumed, b.artefactsTable()}
}

// trend is the earlier drills and this one.
func (b *book) trend() []evidence.Past {
	now := evidence.Past{
		LedgerIndex: b.Drill.LedgerIndex, EndedAt: b.Drill.EndedAt, Level: b.Drill.Level, Mode: b.Drill.Mode, Verdict: b.judged.Verdict, RTOSeconds: b.Timing.RTOSeconds,
		Target: strings.TrimSpace(b.Target.Product + " " + b.Target.Flavor),
	}
	for i := range b.Kinds {
		arrived, due := b.Kinds[i].Survival()
		now.Arrived, now.Due = plus(now.Arrived, arrived), plus(now.Due, due)
	}
	if b.Recall != nil {
		now.Recall = &b.Recall.After
	}
	now.Source = strings.TrimSpace(b.Source.Product + " " + b.Source.Flavor)
	if s := b.Source.Schema; s != "" {
		now.Schema = strings.TrimSpace(now.Source + " " + s)
	}
	return append(slices.Clone(b.Trend), now)
}

// The schema of a source, beside that of its last drill before that says one: a ledger may have drills of several sources.
const (
	driftNone    = "as before"
	driftChanged = "changed"
	driftFirst   = "first seen"
)

// drift says whether the source of drill i has another schema than before; empty: nobody says.
func drift(past []evidence.Past, i int) string {
	if past[i].Schema == "" {
		return ""
	}
	now := &past[i]
	for i--; i >= 0; i-- {
		switch p := &past[i]; {
		case p.Schema == "" || p.Source != now.Source && (p.Source != "" || !strings.HasPrefix(p.Schema, now.Source)):
		case p.Schema == now.Schema:
			return driftNone
		default:
			return driftChanged
		}
	}
	return driftFirst
}
