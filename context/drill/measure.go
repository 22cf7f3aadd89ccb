package drill

import (
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// kinds says what became of every kind that the archive has, or that its source has.
func (r *run) kinds() []evidence.Kind {
	if r.facts == nil {
		return []evidence.Kind{}
	}
	facts := map[string]*pb.KindCompleteness{}
	for _, st := range r.facts.Statements {
		for _, k := range st.Kinds {
			facts[k.Kind] = k
		}
	}
	catalog := evidence.DefaultCatalog()
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
		if !judged && n == 0 && !known && !r.buried(name) && f.GetClass() != pb.KindCompleteness_CLASS_EXCLUDED {
			continue // the runtime has no such thing
		}
		k := evidence.Kind{
			Kind: name, Class: className(f), Coverage: v.Coverage.String(), Source: f.GetEnumerated(), Archived: n,
			Gaps: r.gapsOf(name),
		}
		k.DataClass, k.SourceForm = catalog.DataClass(name), r.formOf(name)
		if !judged {
			k.Coverage = agentstate.Unknown.String()
		}
		if f != nil {
			k.Reference = f.Reference
		}
		k.Source, k.Excluded = max(k.Source, n), r.excluded(name, f)
		r.became(&k)
		k.Canaries = r.answersOf(name)
		if roots := r.facts.Roots[name]; len(roots) == 1 {
			k.TreeRoot.SHA256 = roots[0]
		}
		if n > 0 {
			k.ISO19941 = r.iso19941(&k)
		}
		out = append(out, k)
	}
	r.allBefore(out)
	return out
}

// allBefore counts as there before what is read out of other records, where the replay wrote none of these.
func (r *run) allBefore(kinds []evidence.Kind) {
	rep, before := r.st.Report, uint64(0)
	if rep == nil || rep.Actions[replay.Created]+rep.Actions[replay.Updated] > 0 {
		return
	}
	for i := range kinds {
		before += kinds[i].Before
	}
	for i := range kinds {
		if k := &kinds[i]; before > 0 {
			k.Before = max(k.Before, k.Matched+k.Announced)
		}
	}
}

// formOf says whether the records of a kind have the runtime's own bytes. Views are read from others that
// have them.
func (r *run) formOf(kind string) string {
	if r.st.Seen == nil || r.st.Seen.Kinds[kind] == nil {
		return ""
	}
	switch k := r.st.Seen.Kinds[kind]; {
	case k.Records <= k.Views:
		return ""
	case k.Native >= k.Records-k.Views:
		return evidence.FormVerbatim
	case k.Native > 0:
		return evidence.FormInPart
	}
	return evidence.FormRestructured
}

// answersOf counts the known answers of a kind where the drill was to end: in the target, or at L1 in the archive.
func (r *run) answersOf(kind string) evidence.Canaries {
	var c evidence.Canaries
	s := r.last()
	if s != nil {
		c.Recovered = new(uint64)
	}
	for i, x := range r.p.Canaries {
		if !x.of(kind) {
			continue
		}
		c.Planted++
		if s != nil && i < len(s.Canaries) && s.Canaries[i] > 0 {
			*c.Recovered++
		}
	}
	return c
}

// last is the reading with which the drill was to end: of the target, or at L1 of the archive. nil: it did not come to it.
func (r *run) last() *Seen {
	switch {
	case r.st.Back != nil:
		return r.st.Back.Seen
	case r.p.reaches(evidence.L2):
		return nil
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
	k.Duplicates = new(uint64)
	if f := b.Fidelity.Kinds[k.Kind]; f != nil {
		*k.Duplicates = f.Duplicates
		k.Matched, k.Announced, k.Missing, k.Extra = f.Same, f.Announced, f.Missing, f.Extra
		k.Differ = f.Records - f.Same - f.Announced
		if r.st.held() {
			k.Before += min(b.Before[k.Kind], k.Matched+k.Announced-min(k.Before, k.Matched+k.Announced))
		}
		k.Imported = f.Records + f.Missing
		// Counted, and no remainder: so a record of which nobody knows what became of it does not add up.
		k.Skipped = f.Skipped - min(f.Skipped, k.Quarantined+k.Refused+k.Conflicts)
		if rest := k.Imported + k.Quarantined + k.Refused + k.Conflicts; f.Forbidden > 0 && rest <= k.Archived {
			k.Skipped = k.Archived - rest // what must stay away and is there, maybe more than once
		}
	}
	if !slices.Contains(agentstate.StateKinds(), k.Kind) { // a later release's: nothing here can carry it
		k.Skipped = k.Archived
	}
	if r.p.stays(k.Kind) && !r.neutral {
		k.Skipped, k.Stays = k.Archived, k.Archived
	}
	if k.Imported > 0 {
		k.ImportMode = evidence.ImportPreserve
		if k.Kind == "embedding" && r.st.Embedded != nil {
			k.ImportMode = evidence.ImportRederive
		}
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

// linksOf sums the references of a kind in the target: of what came there, and not of what was there before.
func (r *run) linksOf(kind string) *evidence.Links {
	var l *evidence.Links
	for name, x := range r.st.Back.Fidelity.Links {
		if k, _, _ := strings.Cut(name, "."); k != kind {
			continue
		}
		if l == nil {
			l = &evidence.Links{Repairs: r.repairs(kind)}
		}
		if name == fidelity.ToolCalls || name == fidelity.ToolResults {
			l.Orphans += x.Came().Orphans()
			continue
		}
		l.Total, l.Resolved = l.Total+x.Came().Total, l.Resolved+x.Came().Resolved
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
