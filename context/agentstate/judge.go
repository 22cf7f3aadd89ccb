package agentstate

import (
	"fmt"
	"slices"

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

// Verdict is Judge's answer.
type Verdict struct {
	Coverage Coverage               // the worst of Kinds; UNKNOWN also where Why says so
	Why      string                 // what is wrong with the whole; empty: nothing, see Kinds
	Kinds    map[string]KindVerdict // state kinds that the runtime has
}

// KindVerdict is the coverage of one kind and the reason for it, for people.
type KindVerdict struct {
	Coverage Coverage
	Why      string
}

// Judge computes the coverage of every kind. known are the state kinds that the writer of the
// statements knew; nil: StateKinds. A kind beyond them is never covered. A source that lies alike
// on every route cannot be caught.
func Judge(t *Tally, known []string) Verdict {
	if known == nil {
		known = StateKinds()
	}
	v := Verdict{Kinds: map[string]KindVerdict{}}
	facts := merge(t.Statements)
	all := map[string]bool{}
	understood := map[string]bool{}
	for _, k := range known {
		all[k], understood[k] = true, true
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
		if !understood[k] {
			v.Kinds[k] = KindVerdict{Unknown, "not understood"}
			continue
		}
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
	origins, stated := t.Records["origin"], uint64(len(t.Statements))
	switch {
	case stated == 0:
		v.Why = "no statement: the reading was cut short"
	case stated < origins:
		v.Why = fmt.Sprintf("%d origins and %d statements: a reading was cut short", origins, stated)
	case v.Coverage == 0:
		v.Why = "no kind is spoken of"
	}
	if v.Why != "" {
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
		if n == 0 && !slices.ContainsFunc(t.Gaps, func(g *pb.Gap) bool { return g.Kind == k }) {
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
	if why := contradiction(f, n, missing, gaps, counted); why != "" {
		return KindVerdict{Unknown, why}
	}
	rest := routes(f, n)
	switch {
	case gaps == 0:
		return rest
	case counted && rest.Coverage == Unknown:
		// A gap says what is missing, not that the rest is whole.
		return KindVerdict{Unknown, fmt.Sprintf("%d gaps named; beyond them: %s", gaps, rest.Why)}
	}
	return KindVerdict{Gaps, fmt.Sprintf("%d named", gaps)}
}

// contradiction says where the facts about a kind do not agree with each other or with the n
// records that arrived; empty: they do.
func contradiction(f *pb.KindCompleteness, n, missing uint64, gaps int, counted bool) string {
	named := ""
	if gaps > 0 {
		named = fmt.Sprintf(" and %d are named as gaps", missing)
	}
	switch {
	case n > f.Enumerated:
		return fmt.Sprintf("%d records, but the source saw %d", n, f.Enumerated)
	case !f.Exhausted:
		return "the listing did not end by itself"
	case counted && add(n, missing) < f.Enumerated:
		return fmt.Sprintf("the source saw %d, %d arrived%s", f.Enumerated, n, named)
	case f.Reference != nil && (*f.Reference < n || counted && *f.Reference > add(n, missing)):
		return fmt.Sprintf("%s says %d, %d arrived%s", f.ReferenceRoute, *f.Reference, n, named)
	case f.Relisted != nil && (*f.Relisted < n || counted && *f.Relisted > add(n, missing)):
		return fmt.Sprintf("%s found %d, %d arrived%s", f.RelistRoute, *f.Relisted, n, named)
	}
	return ""
}

// routes is the coverage that the second routes give a kind whose facts agree.
func routes(f *pb.KindCompleteness, n uint64) KindVerdict {
	switch {
	case f.Reference != nil && f.AccessBasis != "":
		return KindVerdict{Reconciled, fmt.Sprintf("%s agrees (%s)", f.ReferenceRoute, f.AccessBasis)}
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
	if counted && add(t.Records[k], missing) < f.Enumerated {
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
