package agentstate

import (
	"fmt"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Coverage is the answer to: is it all here? It is computed by Judge from facts, never taken
// from a source. Greater is worse.
type Coverage int

// The coverages.
const (
	Reconciled Coverage = iota + 1 // an independent count agrees
	Listed                         // the cursor ended, and a second listing by another way agrees
	Gaps                           // what is missing is named
	Unknown                        // everything else
)

// String is the word that people see.
func (c Coverage) String() string {
	switch c {
	case Reconciled:
		return "RECONCILED"
	case Listed:
		return "LISTED"
	case Gaps:
		return "GAPS"
	}
	return "UNKNOWN"
}

// ParseCoverage is the inverse of String; any other word is Unknown.
func ParseCoverage(s string) Coverage {
	for _, c := range []Coverage{Reconciled, Listed, Gaps} {
		if c.String() == s {
			return c
		}
	}
	return Unknown
}

// Tally is what passed through a copy: the facts that Judge needs. The zero value is empty.
type Tally struct {
	Records    map[string]uint64 // by kind
	Views      map[string]uint64 // of those, readings of other records
	Gaps       []*pb.Gap
	Statements []*pb.Completeness
}

// Add counts r.
func (t *Tally) Add(r Record) {
	if t.Records == nil {
		t.Records, t.Views = map[string]uint64{}, map[string]uint64{}
	}
	k := KindOf(r)
	t.Records[k]++
	if len(r.GetMeta().GetViewOfKeys()) > 0 {
		t.Views[k]++
	}
	switch r := r.(type) {
	case *pb.Gap:
		t.Gaps = append(t.Gaps, r)
	case *pb.Completeness:
		t.Statements = append(t.Statements, r)
	}
}

// Verdict is Judge's answer.
type Verdict struct {
	Coverage Coverage               // the worst of Kinds
	Kinds    map[string]KindVerdict // state kinds that the runtime has
}

// KindVerdict is the coverage of one kind and the reason for it, for people.
type KindVerdict struct {
	Coverage Coverage
	Why      string
}

// Judge computes the coverage of every kind. known are the state kinds that the writer of the
// statements knew; nil: StateKinds. A source that lies alike on every route cannot be caught.
func Judge(t *Tally, known []string) Verdict {
	if known == nil {
		known = StateKinds()
	}
	v := Verdict{Kinds: map[string]KindVerdict{}}
	facts := merge(t.Statements)
	all := map[string]bool{}
	for _, k := range known {
		all[k] = true
	}
	for k := range t.Records {
		if IsState(k) {
			all[k] = true
		}
	}
	for k := range facts {
		if IsState(k) {
			all[k] = true
		}
	}
	var derived []string
	for k := range all {
		f := facts[k]
		if f.GetClass() == pb.KindCompleteness_CLASS_DERIVED {
			derived = append(derived, k)
			continue
		}
		if kv := judgeKind(k, f, t); kv.Coverage != 0 {
			v.Kinds[k] = kv
		}
	}
	// Derived kinds rest on the others, so they come after them; a derived kind that rests on
	// a derived kind is not sound and ends UNKNOWN.
	base := make(map[string]KindVerdict, len(v.Kinds))
	for k, kv := range v.Kinds {
		base[k] = kv
	}
	for _, k := range derived {
		v.Kinds[k] = judgeDerived(k, facts[k], t, facts, base)
	}
	for _, kv := range v.Kinds {
		v.Coverage = max(v.Coverage, kv.Coverage)
	}
	if len(t.Statements) == 0 || v.Coverage == 0 {
		v.Coverage = Unknown
	}
	return v
}

// judgeKind returns a zero verdict for a kind that the runtime does not have.
func judgeKind(k string, f *pb.KindCompleteness, t *Tally) KindVerdict {
	n := t.Records[k]
	missing, gaps, counted := gapsOf(k, t.Gaps)
	switch f.GetClass() {
	case pb.KindCompleteness_CLASS_ENUMERATED:
	case pb.KindCompleteness_CLASS_ABSENT:
		if n == 0 && gaps == 0 {
			return KindVerdict{}
		}
		return KindVerdict{Unknown, "said to be absent, and there are some"}
	case pb.KindCompleteness_CLASS_CALLER_IDS:
		return KindVerdict{Unknown, "only ids that the caller gave"}
	case pb.KindCompleteness_CLASS_SAMPLED:
		return KindVerdict{Unknown, "a sample"}
	case pb.KindCompleteness_CLASS_SEARCH_ONLY:
		return KindVerdict{Unknown, "only what a search returned"}
	case pb.KindCompleteness_CLASS_UNSUPPORTED:
		return KindVerdict{Unknown, "the driver cannot read this kind"}
	case pb.KindCompleteness_CLASS_EXCLUDED:
		return KindVerdict{Unknown, "left out on request"}
	default:
		return KindVerdict{Unknown, "the source says nothing of this kind"}
	}
	switch {
	case n > f.Enumerated:
		return KindVerdict{Unknown, fmt.Sprintf("%d records, but the source saw %d", n, f.Enumerated)}
	case !f.Exhausted:
		return KindVerdict{Unknown, "the listing did not end by itself"}
	case counted && n+missing < f.Enumerated:
		return KindVerdict{Unknown, fmt.Sprintf("the source saw %d, %d arrived and %d are named as gaps", f.Enumerated, n, missing)}
	case gaps > 0 && f.Reference != nil && counted && n+missing < *f.Reference:
		return KindVerdict{Unknown, fmt.Sprintf("%s says %d, %d arrived and %d are named as gaps", f.ReferenceRoute, *f.Reference, n, missing)}
	case gaps > 0:
		return KindVerdict{Gaps, fmt.Sprintf("%d named", gaps)}
	case f.Reference != nil && *f.Reference != n:
		return KindVerdict{Unknown, fmt.Sprintf("%s says %d, %d arrived", f.ReferenceRoute, *f.Reference, n)}
	case f.Reference != nil && f.AccessBasis != "":
		return KindVerdict{Reconciled, fmt.Sprintf("%s agrees (%s)", f.ReferenceRoute, f.AccessBasis)}
	case f.Relisted != nil && *f.Relisted != n:
		return KindVerdict{Unknown, fmt.Sprintf("%s found %d, %d arrived", f.RelistRoute, *f.Relisted, n)}
	case n == 0 && f.AccessBasis == "":
		return KindVerdict{Unknown, "none seen, and the observer may be blind"}
	case f.Relisted != nil:
		return KindVerdict{Listed, fmt.Sprintf("%s agrees", f.RelistRoute)}
	case f.Reference != nil:
		return KindVerdict{Unknown, fmt.Sprintf("%s agrees, but may be blind in the same way", f.ReferenceRoute)}
	}
	return KindVerdict{Unknown, "no second route"}
}

func judgeDerived(k string, f *pb.KindCompleteness, t *Tally, facts map[string]*pb.KindCompleteness, base map[string]KindVerdict) KindVerdict {
	if t.Records[k] != t.Views[k] {
		return KindVerdict{Unknown, "said to be readings of other records, and some are not"}
	}
	if t.Records[k] > f.Enumerated {
		return KindVerdict{Unknown, fmt.Sprintf("%d records, but the source saw %d", t.Records[k], f.Enumerated)}
	}
	if len(f.DerivedFrom) == 0 {
		return KindVerdict{Unknown, "read from kinds that are not named"}
	}
	missing, gaps, counted := gapsOf(k, t.Gaps)
	if counted && t.Records[k]+missing < f.Enumerated {
		return KindVerdict{Unknown, fmt.Sprintf("the source made %d, %d arrived and %d are named as gaps", f.Enumerated, t.Records[k], missing)}
	}
	worst := KindVerdict{Reconciled, "read from other kinds"}
	if gaps > 0 {
		worst = KindVerdict{Gaps, fmt.Sprintf("%d named", gaps)}
	}
	for _, d := range f.DerivedFrom {
		b, ok := base[d]
		if !ok && facts[d].GetClass() != pb.KindCompleteness_CLASS_ABSENT {
			b = KindVerdict{Unknown, "not judged"}
		}
		if b.Coverage > worst.Coverage {
			worst = KindVerdict{b.Coverage, fmt.Sprintf("read from %s: %s", d, b.Why)}
		}
	}
	return worst
}

// gapsOf sums the gaps of kind k. counted is false when one of them does not know its size.
func gapsOf(k string, gaps []*pb.Gap) (missing uint64, n int, counted bool) {
	counted = true
	for _, g := range gaps {
		if g.Kind != k && g.Kind != "" {
			continue
		}
		n++
		missing += g.Count
		if g.Count == 0 {
			counted = false
		}
	}
	return missing, n, counted
}

// merge joins the statements of several origins: counts add up, and a fact holds for the whole
// only where it holds for each origin that has the kind.
func merge(sts []*pb.Completeness) map[string]*pb.KindCompleteness {
	out := map[string]*pb.KindCompleteness{}
	for _, st := range sts {
		for _, k := range st.GetKinds() {
			o, ok := out[k.GetKind()]
			switch {
			case !ok || o.Class == pb.KindCompleteness_CLASS_ABSENT:
				out[k.GetKind()] = k
			case k.Class == pb.KindCompleteness_CLASS_ABSENT:
			default:
				out[k.GetKind()] = join(o, k)
			}
		}
	}
	return out
}

func join(a, b *pb.KindCompleteness) *pb.KindCompleteness {
	j := &pb.KindCompleteness{
		Kind: a.Kind, Class: a.Class, Enumerated: a.Enumerated + b.Enumerated,
		Exhausted: a.Exhausted && b.Exhausted, Opaque: a.Opaque + b.Opaque,
		ReferenceRoute: a.ReferenceRoute, RelistRoute: a.RelistRoute,
		DerivedFrom: append(append([]string(nil), a.DerivedFrom...), b.DerivedFrom...),
	}
	if a.Class != b.Class {
		j.Class = pb.KindCompleteness_CLASS_UNSPECIFIED
	}
	if a.Reference != nil && b.Reference != nil {
		n := *a.Reference + *b.Reference
		j.Reference = &n
	}
	if a.Relisted != nil && b.Relisted != nil {
		n := *a.Relisted + *b.Relisted
		j.Relisted = &n
	}
	if a.AccessBasis != "" && b.AccessBasis != "" {
		j.AccessBasis = a.AccessBasis
	}
	return j
}
