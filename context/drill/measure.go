package drill

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/context/secrets"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// kinds says what became of every kind that the archive has, or that its source has.
func (r *run) kinds() []evidence.Kind {
	if r.facts == nil {
		return nil
	}
	facts := map[string]*pb.KindCompleteness{}
	for _, st := range r.facts.Statements {
		for _, k := range st.Kinds {
			facts[k.Kind] = k
		}
	}
	names := agentstate.StateKinds()
	for k := range r.facts.Records { // kinds of later releases
		if agentstate.IsState(k) && !slices.Contains(names, k) {
			names = append(names, k)
		}
	}
	var out []evidence.Kind
	for _, name := range names {
		f, n := facts[name], r.facts.Records[name]
		v, judged := r.facts.Verdict.Kinds[name]
		known := slices.ContainsFunc(r.p.Canaries, func(c Canary) bool { return c.of(name) })
		if !judged && n == 0 && !known && f.GetClass() != pb.KindCompleteness_CLASS_EXCLUDED {
			continue // the runtime has no such thing
		}
		k := evidence.Kind{
			Kind: name, Class: className(f), Coverage: v.Coverage.String(), Source: f.GetEnumerated(), Archived: n,
			Gaps: r.gapsOf(name),
		}
		if !judged {
			k.Coverage = agentstate.Unknown.String()
		}
		if f != nil {
			k.Reference = f.Reference
		}
		k.Source = max(k.Source, n)
		r.became(&k)
		for i, c := range r.p.Canaries {
			if c.of(name) {
				k.Canaries.Planted++
				if s := r.last(); s != nil && i < len(s.Canaries) && s.Canaries[i] > 0 {
					k.Canaries.Recovered++
				}
			}
		}
		out = append(out, k)
	}
	return out
}

// last is the reading furthest from the source: of the target, or else of the archive.
func (r *run) last() *Seen {
	if r.st.Back != nil {
		return r.st.Back.Seen
	}
	return r.st.Seen
}

func className(f *pb.KindCompleteness) string {
	s := strings.ToLower(strings.TrimPrefix(f.GetClass().String(), "CLASS_"))
	if s == "unspecified" {
		return "unknown"
	}
	return s
}

func (r *run) gapsOf(kind string) uint64 {
	n := uint64(0)
	for _, g := range r.facts.Gaps {
		if g.Kind == kind || g.Kind == "" {
			n += max(1, g.Count)
		}
	}
	return n
}

// became fills in what was written and read back. What arrives inside of other records was not
// written by itself, and is read back all the same.
func (r *run) became(k *evidence.Kind) {
	if acts := r.acts(k.Kind); acts != nil {
		k.Quarantined, k.Refused, k.Conflicts = acts[replay.Held], acts[replay.Refused], acts[replay.Conflict]
		k.Before = min(r.st.Before[k.Kind], acts[replay.Same])
	}
	b := r.st.Back
	if b == nil {
		return
	}
	if f := b.Fidelity.Kinds[k.Kind]; f != nil {
		k.Matched, k.Announced, k.Missing, k.Extra = f.Same, f.Announced, f.Missing, f.Extra
		k.Differ = f.Records - f.Same - f.Announced
		k.Imported = f.Records + f.Missing
	}
	if rest := k.Imported + k.Quarantined + k.Refused + k.Conflicts; rest <= k.Archived {
		k.Skipped = k.Archived - rest
	}
	for path, grades := range b.Fidelity.FieldN[k.Kind] {
		f := evidence.Field{
			Path: path, Exact: grades[fidelity.Exact], Equivalent: grades[fidelity.Equivalent], Transformed: grades[fidelity.Transformed],
			Defaulted: grades[fidelity.Defaulted], Dropped: grades[fidelity.Dropped], Redacted: grades[fidelity.Redacted], Quarantined: grades[fidelity.Quarantined],
		}
		for _, n := range grades {
			f.Present += n
		}
		k.Fields = append(k.Fields, f)
	}
	slices.SortFunc(k.Fields, func(a, b evidence.Field) int { return strings.Compare(a.Path, b.Path) })
	k.Links, k.Times = r.linksOf(k.Kind), r.timesOf(k)
}

// linksOf sums the references of a kind in the target.
func (r *run) linksOf(kind string) *evidence.Links {
	var l *evidence.Links
	for name, x := range r.st.Back.Fidelity.Links {
		if k, _, _ := strings.Cut(name, "."); k != kind {
			continue
		}
		if l == nil {
			l = &evidence.Links{}
		}
		if name == fidelity.ToolCalls || name == fidelity.ToolResults {
			l.Orphans += x.Got.Orphans()
			continue
		}
		l.Total, l.Resolved = l.Total+x.Got.Total, l.Resolved+x.Got.Resolved
	}
	return l
}

// timesOf says how the times fared at which the records of a kind were made.
func (r *run) timesOf(k *evidence.Kind) *evidence.Times {
	all := &r.st.Back.Fidelity.Times
	var t *evidence.Times
	for _, f := range k.Fields {
		if f.Path == "meta.created_unix_nano" {
			t = &evidence.Times{Total: f.Present, Original: f.Exact}
		}
	}
	if t == nil {
		return nil
	}
	if k.Kind == "message" {
		t.Inversions = all.GotInversions
	}
	if agentstate.KindOfKey(all.ShiftOf) == k.Kind {
		t.MaxSkewMS = all.Shift.Milliseconds()
	}
	return t
}

// acts are what the replay did with a kind; nil: nothing was replayed.
func (r *run) acts(kind string) map[replay.Action]uint64 {
	if r.st.Report == nil {
		return nil
	}
	return r.st.Report.Kinds[kind]
}

// losses are the fields that are not exact, and the records that have no place.
func (r *run) losses() []evidence.Loss {
	var out []evidence.Loss
	if r.st.Report != nil {
		for kind, whys := range r.st.Report.NoPlace {
			for why, n := range whys {
				out = append(out, evidence.Loss{Kind: kind, Count: n, Of: r.facts.Records[kind], Grade: fidelity.Dropped.String(), Why: why})
			}
		}
		for kind, acts := range r.st.Report.Kinds {
			for act, what := range map[replay.Action]string{replay.Refused: "refused by the target", replay.Conflict: "the target holds something else under this id", replay.Held: "waits for a person's approval"} {
				if n := acts[act]; n > 0 {
					g := fidelity.Dropped
					if act == replay.Held {
						g = fidelity.Quarantined
					}
					out = append(out, evidence.Loss{Kind: kind, Count: n, Of: r.facts.Records[kind], Grade: g.String(), Why: what})
				}
			}
		}
	}
	if b := r.st.Back; b != nil {
		whys := map[string]string{} // of the first 1,000
		for _, l := range b.Fidelity.Losses {
			at := agentstate.KindOfKey(l.Key) + "." + l.Path + " " + l.Grade.String()
			if whys[at] == "" {
				whys[at] = l.Why
			}
		}
		for kind, paths := range b.Fidelity.FieldN {
			for path, grades := range paths {
				of := uint64(0)
				for _, n := range grades {
					of += n
				}
				for g, n := range grades {
					if g != fidelity.Exact && g != fidelity.Equivalent && n > 0 { // another form is no loss
						out = append(out, evidence.Loss{Kind: kind, Path: path, Count: n, Of: of, Grade: g.String(), Why: whys[kind+"."+path+" "+g.String()]})
					}
				}
			}
		}
		for kind, f := range b.Fidelity.Kinds {
			if f.Missing > 0 {
				out = append(out, evidence.Loss{Kind: kind, Count: f.Missing, Of: r.facts.Records[kind], Grade: fidelity.Dropped.String(), Why: "not found when the target was read back"})
			}
		}
	}
	for i := range out {
		r.accept(&out[i])
		out[i].Why = withoutKeys(out[i].Why) // drivers name records in some
	}
	slices.SortFunc(out, func(a, b evidence.Loss) int {
		for _, c := range []int{strings.Compare(a.Kind, b.Kind), strings.Compare(a.Path, b.Path), strings.Compare(a.Grade, b.Grade)} {
			if c != 0 {
				return c
			}
		}
		return strings.Compare(a.Why, b.Why)
	})
	return out
}

// accept notes who accepted a loss, while that holds.
func (r *run) accept(l *evidence.Loss) {
	today := r.st.Started.Format(time.DateOnly)
	for _, a := range r.p.Accepted {
		if a.Kind == l.Kind && (a.Path == l.Path || a.Path == "*") && string(a.Until) >= today {
			l.AcceptedBy, l.Until = a.By, string(a.Until)
			return
		}
	}
}

// authority says what the replayed agents may do. A grant that is read back otherwise than it was
// written, and than was announced, counts as widened until somebody shows that it is not.
func (r *run) authority(salt evidence.Salt) evidence.Authority {
	a := evidence.Authority{}
	if r.facts == nil {
		return a
	}
	a.Grants = r.facts.Records["toolgrant"]
	if b := r.st.Back; b != nil {
		if f := b.Fidelity.Kinds["toolgrant"]; f != nil && !r.neutral {
			a.Reproduced = f.Same
			a.Reduced = f.Announced
			a.Widened = f.Records - f.Same - f.Announced
		}
		a.Raised = uint64(len(b.Fidelity.Raised))
	}
	if rep := r.st.Report; rep != nil {
		a.Reduced += rep.Kinds["toolgrant"][replay.Held] + rep.Kinds["toolgrant"][replay.Skipped] + rep.Kinds["toolgrant"][replay.Refused]
		for _, k := range rep.Held {
			a.Reconsent = append(a.Reconsent, salt.Hide(k))
		}
	}
	return a
}

// scanned is what was looked for when the source was read; nil: nobody looked.
func (r *run) scanned() (sum *secrets.Summary) {
	if r.facts == nil {
		return nil
	}
	for _, st := range r.facts.Statements {
		switch s := secrets.Of(st); {
		case s == nil:
		case sum == nil:
			sum = s
		default:
			sum.Join(s)
		}
	}
	return sum
}

func (r *run) safety() evidence.Safety {
	s := evidence.Safety{}
	if sum := r.scanned(); sum != nil {
		s.SecretClasses, s.SecretFindings = []string{sum.Rules}, map[string]uint64(sum.Classes())
	}
	if r.st.Seen != nil {
		s.Tombstones = r.st.Seen.Tombstones
	}
	s.Tombstones += uint64(len(r.e.Replay.Tombstones))
	if b := r.st.Back; b != nil {
		for _, f := range b.Fidelity.Kinds {
			s.Revived += f.Forbidden
		}
	}
	for i, c := range r.p.Canaries {
		if c.Injection {
			s.InjectionCanaries++
			if b := r.st.Back; b != nil && i < len(b.Seen.Commands) && b.Seen.Commands[i] > 0 {
				s.InjectionEffective++
			}
		}
	}
	return s
}

// recall is what searches by vector found.
func (r *run) recall() *evidence.Recall {
	if r.st.Back == nil || r.st.Back.Recall == nil || r.st.Back.Recall.Compared == 0 {
		return nil
	}
	x := r.st.Back.Recall
	return &evidence.Recall{
		Queries: x.Queries, QuerySetDigest: evidence.Digest{SHA256: x.QuerySet}, K: x.K, Before: x.Before.Recall, After: x.After.Recall, Overlap: x.Overlap,
		CI95: x.CI95, EmptyBefore: x.Before.Empty, EmptyAfter: x.After.Empty, ModelBefore: x.Before.Model, ModelAfter: x.After.Model,
	}
}

// replayed says how far each kind came: R3 where all of it is alike, or as announced; else R2, taken by
// the target. Tasks are run with live agents: R5.
func (r *run) replayed() []evidence.Replayed {
	if r.neutral || r.st.Back == nil {
		return nil
	}
	var out []evidence.Replayed
	for kind, f := range r.st.Back.Fidelity.Kinds {
		if f.Records == 0 {
			continue
		}
		x := evidence.Replayed{Feature: kind, Level: "R3", Runs: 1, Passed: 1}
		like := f.Same + f.Announced
		if like < f.Records+f.Missing {
			x.Level = "R2"
		}
		x.Judge = fmt.Sprintf("comparison field by field: %d of %d records", like, f.Records+f.Missing)
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b evidence.Replayed) int { return strings.Compare(a.Feature, b.Feature) })
	if s := r.st.Tasks; s != nil && s.Target != nil {
		out = append(out, evidence.Replayed{Feature: "tasks", Level: "R5", Runs: uint64(s.Target.Total), Passed: uint64(s.Target.Passed), Judge: r.continuity().Judge})
	}
	return out
}

// continuity is what the tasks showed. A side on which none ran has 0 of 0, and the judge says so.
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
			c.Judge += "; " + side.name + " was not run"
			continue
		}
		*side.to, c.Runs = uint64(side.rate.Passed), max(c.Runs, uint64(side.rate.Total))
	}
	return c
}

func (r *run) obstacles() []evidence.Obstacle {
	var out []evidence.Obstacle
	if r.facts != nil {
		for _, g := range r.facts.Gaps {
			what := strings.ToLower(strings.TrimPrefix(g.Reason.String(), "REASON_"))
			if g.Permission != "" {
				what += ", needs " + g.Permission
			}
			out = append(out, evidence.Obstacle{What: what, Kind: g.Kind, Count: g.Count})
		}
	}
	if n := r.st.Attempts; n > 1 {
		out = append(out, evidence.Obstacle{At: r.st.Started, What: fmt.Sprintf("the drill was broken off and went on: %d attempts, %d records were written by an earlier one", n, r.st.Resumed)})
	}
	if rep := r.st.Report; rep != nil {
		for kind, acts := range rep.Kinds {
			if n := acts[replay.Refused]; n > 0 {
				out = append(out, evidence.Obstacle{What: "the target refused records", Kind: kind, Count: n})
			}
		}
	}
	slices.SortFunc(out, func(a, b evidence.Obstacle) int { return strings.Compare(a.Kind+a.What, b.Kind+b.What) })
	return out
}

func (r *run) modelEnds() []evidence.ModelEnd {
	var out []evidence.ModelEnd
	for _, u := range r.st.Models {
		m := evidence.ModelEnd{Model: u.ID, Agents: uint64(len(u.Agents)), Pinned: u.Pinned, Source: u.RetiresBasis}
		if !u.Retires.IsZero() {
			m.Ends = u.Retires.Format(time.DateOnly)
		}
		out = append(out, m)
	}
	return out
}

// source is where the archive's state is from.
func (r *run) source() evidence.Runtime {
	rt := evidence.Runtime{}
	if r.facts == nil {
		return rt
	}
	if len(r.facts.Origins) > 0 {
		o := r.facts.Origins[0]
		rt.Product, rt.Flavor, rt.Schema = o.Product, o.Flavor, o.Schema
	}
	for _, st := range r.facts.Statements {
		if from := time.Unix(0, st.FromUnixNano).UTC(); st.FromUnixNano != 0 && (rt.From.IsZero() || from.Before(rt.From)) {
			rt.From = from
		}
		if to := time.Unix(0, st.ToUnixNano).UTC(); st.ToUnixNano != 0 && to.After(rt.To) {
			rt.To = to
		}
		rt.Observer = st.ObserverBasis
	}
	rt.Driver = scheme(r.p.Source)
	return rt
}

func (r *run) into() evidence.Runtime {
	switch {
	case r.neutral:
		return evidence.Runtime{Product: "JSON Lines", Driver: "unpack"}
	case r.st.Back == nil:
		return evidence.Runtime{}
	}
	rt := r.st.Back.Seen.Origin
	rt.Driver = scheme(r.p.Target)
	if rt.Product == "" {
		rt.Product = rt.Driver
	}
	return rt
}

func scheme(u string) string {
	s, _, _ := strings.Cut(u, ":")
	return s
}

// newest is the newest time in the archive.
func (r *run) newest() time.Time {
	at := int64(0)
	if r.st.Seen != nil {
		for k := range maps.Values(r.st.Seen.Kinds) {
			at = max(at, k.Newest)
		}
	}
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at).UTC()
}
