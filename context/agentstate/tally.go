package agentstate

import pb "github.com/exitramp/exitramp/proto/exitramp/v1"

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

// gapsOf sums the gaps of kind k. counted is false when one of them does not know its size.
func gapsOf(k string, gaps []*pb.Gap) (missing uint64, n int, counted bool) {
	counted = true
	for _, g := range gaps {
		if g.Kind != k && g.Kind != "" {
			continue
		}
		n++
		missing = add(missing, g.Count)
		if g.Count == 0 {
			counted = false
		}
	}
	return missing, n, counted
}

// merge joins the statements of several origins: counts add up, and a fact holds for the whole
// only where it holds for each origin that has the kind. A kind that one of them does not speak of
// is not known there.
func merge(sts []*pb.Completeness) map[string]*pb.KindCompleteness {
	out := map[string]*pb.KindCompleteness{}
	spoken := map[string]int{}
	for _, st := range sts {
		here := map[string]bool{}
		for _, k := range st.GetKinds() {
			if !here[k.GetKind()] {
				here[k.GetKind()] = true
				spoken[k.GetKind()]++
			}
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
	for k, n := range spoken {
		if n < len(sts) {
			out[k] = &pb.KindCompleteness{Kind: k}
		}
	}
	return out
}

func join(a, b *pb.KindCompleteness) *pb.KindCompleteness {
	j := &pb.KindCompleteness{
		Kind: a.Kind, Class: a.Class, Enumerated: add(a.Enumerated, b.Enumerated),
		Exhausted: a.Exhausted && b.Exhausted, Opaque: add(a.Opaque, b.Opaque),
		ReferenceRoute: a.ReferenceRoute, RelistRoute: a.RelistRoute,
		DerivedFrom: append(append([]string(nil), a.DerivedFrom...), b.DerivedFrom...),
	}
	if a.Class != b.Class {
		j.Class = pb.KindCompleteness_CLASS_UNSPECIFIED
	}
	if a.Reference != nil && b.Reference != nil {
		n := add(*a.Reference, *b.Reference)
		j.Reference = &n
	}
	if a.Relisted != nil && b.Relisted != nil {
		n := add(*a.Relisted, *b.Relisted)
		j.Relisted = &n
	}
	if a.AccessBasis != "" && b.AccessBasis != "" {
		j.AccessBasis = a.AccessBasis
	}
	return j
}

// add stops at the largest number: counts come from outside, and a sum that wraps would agree.
func add(a, b uint64) uint64 {
	if a+b < a {
		return 1<<64 - 1
	}
	return a + b
}
