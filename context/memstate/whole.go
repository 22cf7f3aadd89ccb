package memstate

import (
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Whole is a State that holds recs in canonical order behind an Origin of product, and ends with a
// true statement about them: kinds that are not there are absent, kinds of which all are views are
// derived from the kinds that they are readings of, and all others are counted. Judge finds it
// RECONCILED.
func Whole(product string, recs ...agentstate.Record) *State {
	return New(whole(product, recs)...)
}

// whole are the records of Whole, in a list of their own.
func whole(product string, recs []agentstate.Record) []agentstate.Record {
	out := make([]agentstate.Record, 1, len(recs)+2)
	out[0] = &pb.Origin{
		Meta: agentstate.Meta("origin", nil, product), Product: product, Flavor: "memory", Location: "memory",
	}
	out = append(out, recs...)
	recs = out[1:]
	sortKinds(recs, agentstate.Kinds())
	return append(out, Statement(product, recs))
}

// sortKinds puts recs in an order of kinds, and leaves the order within each. Kinds of later
// releases come with opaque records.
func sortKinds(recs []agentstate.Record, order []string) {
	all, place := recs, map[string]int{}
	for i, k := range order {
		place[k] = i
	}
	byKind := make([][]agentstate.Record, len(order))
	for len(recs) > 0 {
		kind, n := agentstate.KindOf(recs[0]), 1 // those of one kind most often stand together
		for n < len(recs) && agentstate.KindOf(recs[n]) == kind {
			n++
		}
		i, known := place[kind]
		if !known {
			i = place["opaque"]
		}
		if byKind[i] == nil {
			byKind[i] = recs[:n:n]
		} else {
			byKind[i] = append(byKind[i], recs[:n]...)
		}
		recs = recs[n:]
	}
	copy(all, slices.Concat(byKind...))
}

// Sort puts the records of s in an order of kinds, which has all of agentstate.Kinds; nil: the
// canonical one, in which archives are read.
func (s *State) Sort(order []string) {
	if order == nil {
		order = agentstate.Kinds()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	recs := s.recs
	sortKinds(recs, order)
	s.recs, s.keys = nil, nil
	for _, r := range recs {
		s.add(r)
	}
}

// Statement is a true Completeness about recs, as Whole makes it.
func Statement(product string, recs []agentstate.Record) *pb.Completeness {
	count, views := map[string]uint64{}, map[string]uint64{}
	from := map[string][]string{}
	last, n := "", uint64(0) // those of one kind most often stand together
	for _, r := range recs {
		k := agentstate.KindOf(r)
		if g, ok := r.(*pb.Gap); ok {
			count[g.Kind] += g.Count
		}
		if k != last {
			count[last] += n
			last, n = k, 0
		}
		n++
		if of := r.GetMeta().GetViewOfKeys(); len(of) > 0 {
			views[k]++
			for _, o := range of {
				if b := agentstate.KindOfKey(o); !slices.Contains(from[k], b) {
					from[k] = append(from[k], b)
				}
			}
		}
	}
	count[last] += n
	st := &pb.Completeness{
		Meta: agentstate.Meta("completeness", nil, product), Consistent: true,
		FromUnixNano: 1, ToUnixNano: 1, Observer: "owner", Account: "memory", ObserverBasis: "same process",
	}
	for _, k := range agentstate.StateKinds() {
		f := &pb.KindCompleteness{Kind: k, Enumerated: count[k], Exhausted: true}
		n := count[k]
		switch {
		case n == 0:
			f.Class = pb.KindCompleteness_CLASS_ABSENT
		case views[k] == n:
			f.Class, f.DerivedFrom = pb.KindCompleteness_CLASS_DERIVED, from[k]
		default:
			f.Class = pb.KindCompleteness_CLASS_ENUMERATED
			f.Reference, f.ReferenceRoute, f.AccessBasis = &n, "len", "all in memory"
		}
		st.Kinds = append(st.Kinds, f)
	}
	return st
}
