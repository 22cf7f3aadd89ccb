package agentstate_test

import (
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// whole is a fact about a kind that was listed to its end; each case changes what it tests.
func whole(kind string, n uint64, edit func(*pb.KindCompleteness)) *pb.KindCompleteness {
	k := &pb.KindCompleteness{
		Kind: kind, Class: pb.KindCompleteness_CLASS_ENUMERATED, Enumerated: n, Exhausted: true,
	}
	if edit != nil {
		edit(k)
	}
	return k
}

func reference(n uint64, access string) func(*pb.KindCompleteness) {
	return func(k *pb.KindCompleteness) {
		k.Reference, k.ReferenceRoute, k.AccessBasis = &n, "count(*)", access
	}
}

func relisted(n uint64) func(*pb.KindCompleteness) {
	return func(k *pb.KindCompleteness) { k.Relisted, k.RelistRoute = &n, "page size 7" }
}

func class(c pb.KindCompleteness_Class) func(*pb.KindCompleteness) {
	return func(k *pb.KindCompleteness) { k.Class = c }
}

func both(fs ...func(*pb.KindCompleteness)) func(*pb.KindCompleteness) {
	return func(k *pb.KindCompleteness) {
		for _, f := range fs {
			f(k)
		}
	}
}

func stated(ks ...*pb.KindCompleteness) *pb.Completeness { return &pb.Completeness{Kinds: ks} }

func TestJudge(t *testing.T) {
	const (
		reconciled = agentstate.Reconciled
		listed     = agentstate.Listed
		gaps       = agentstate.Gaps
		unknown    = agentstate.Unknown
	)
	mem := func(n uint64, edit func(*pb.KindCompleteness)) []*pb.Completeness {
		return []*pb.Completeness{stated(whole("memory", n, edit))}
	}
	recs := func(n uint64) map[string]uint64 { return map[string]uint64{"memory": n} }
	gap := func(kind string, n uint64) []*pb.Gap { return []*pb.Gap{{Kind: kind, Place: "/hr", Count: n}} }
	derived := func(k *pb.KindCompleteness) {
		k.Class, k.DerivedFrom, k.Exhausted = pb.KindCompleteness_CLASS_DERIVED, []string{"channelvalue"}, false
	}
	msgs := func(n, views, values uint64) agentstate.Tally {
		return agentstate.Tally{
			Records: map[string]uint64{"message": n, "channelvalue": values},
			Views:   map[string]uint64{"message": views},
		}
	}
	mv := []string{"message", "channelvalue"}

	for _, c := range []struct {
		name  string
		tally agentstate.Tally
		sts   []*pb.Completeness
		known []string // nil: memory alone
		kind  string   // empty: memory
		want  agentstate.Coverage
		all   agentstate.Coverage // of the whole; 0: as want
	}{
		{name: "count agrees and the observer sees all", tally: agentstate.Tally{Records: recs(9)},
			sts: mem(9, reference(9, "whole file")), want: reconciled},
		{name: "both routes see the same subset", tally: agentstate.Tally{Records: recs(500)},
			sts: mem(500, reference(500, "")), want: unknown},
		{name: "row-level security found out: a gap of unknown size", tally: agentstate.Tally{Records: recs(500), Gaps: gap("memory", 0)},
			sts: mem(500, reference(500, "")), want: gaps},
		{name: "a second listing agrees", tally: agentstate.Tally{Records: recs(9)},
			sts: mem(9, relisted(9)), want: listed},
		{name: "a blind count and a second listing agree", tally: agentstate.Tally{Records: recs(9)},
			sts: mem(9, both(reference(9, ""), relisted(9))), want: listed},
		{name: "no second route", tally: agentstate.Tally{Records: recs(9)}, sts: mem(9, nil), want: unknown},

		{name: "kind never mentioned", tally: agentstate.Tally{Records: recs(9)},
			sts: mem(9, reference(9, "whole file")), known: []string{"memory", "trigger"}, kind: "trigger", want: unknown},
		{name: "kind never mentioned, and there are some", tally: agentstate.Tally{Records: map[string]uint64{"memory": 9, "run": 1}},
			sts: mem(9, reference(9, "whole file")), kind: "run", want: unknown},
		{name: "statement with no kinds", tally: agentstate.Tally{Records: recs(9)},
			sts: []*pb.Completeness{{}}, want: unknown},
		{name: "no statement", tally: agentstate.Tally{Records: recs(9)}, want: unknown},
		{name: "fewer statements than origins", tally: agentstate.Tally{Records: map[string]uint64{"memory": 9, "origin": 2}},
			sts: mem(9, reference(9, "whole file")), want: reconciled, all: unknown},
		{name: "class not said", tally: agentstate.Tally{Records: recs(9)},
			sts: mem(9, both(reference(9, "whole file"), class(0))), want: unknown},
		{name: "excluded", sts: mem(0, both(reference(0, "whole file"), class(pb.KindCompleteness_CLASS_EXCLUDED))), want: unknown},
		{name: "ids that the caller gave", tally: agentstate.Tally{Records: recs(9)},
			sts: mem(9, both(reference(9, "whole file"), class(pb.KindCompleteness_CLASS_CALLER_IDS))), want: unknown},
		{name: "sampled", tally: agentstate.Tally{Records: recs(9)},
			sts: mem(9, both(reference(9, "whole file"), class(pb.KindCompleteness_CLASS_SAMPLED))), want: unknown},
		{name: "what a search found", tally: agentstate.Tally{Records: recs(9)},
			sts: mem(9, both(reference(9, "whole file"), class(pb.KindCompleteness_CLASS_SEARCH_ONLY))), want: unknown},
		{name: "unsupported", sts: mem(0, both(reference(0, "whole file"), class(pb.KindCompleteness_CLASS_UNSUPPORTED))), want: unknown},
		{name: "a class of a later release", tally: agentstate.Tally{Records: recs(9)},
			sts: mem(9, both(reference(9, "whole file"), class(99))), want: unknown},

		{name: "more records than enumerated", tally: agentstate.Tally{Records: recs(10)},
			sts: mem(9, reference(10, "whole file")), want: unknown},
		{name: "fewer records than enumerated", tally: agentstate.Tally{Records: recs(8)},
			sts: mem(9, reference(8, "whole file")), want: unknown},
		{name: "hidden page", tally: agentstate.Tally{Records: recs(80)},
			sts: mem(80, reference(100, "service total")), want: unknown},
		{name: "wrong total", tally: agentstate.Tally{Records: recs(100)},
			sts: mem(100, reference(99, "service total")), want: unknown},
		{name: "second listing found more", tally: agentstate.Tally{Records: recs(80)},
			sts: mem(80, relisted(100)), want: unknown},
		{name: "the count agrees and the second listing does not", tally: agentstate.Tally{Records: recs(80)},
			sts: mem(80, both(reference(80, "service total"), relisted(100))), want: unknown},
		{name: "the listing did not end", tally: agentstate.Tally{Records: recs(9)},
			sts: mem(9, both(reference(9, "whole file"), func(k *pb.KindCompleteness) { k.Exhausted = false })), want: unknown},

		{name: "0 of 0, the observer sees all", sts: mem(0, reference(0, "whole file")), want: reconciled},
		{name: "0 of 0, the observer may be blind", sts: mem(0, reference(0, "")), want: unknown},
		{name: "0 of 0, listed twice", sts: mem(0, relisted(0)), want: unknown},
		{name: "0 of 0, listed twice, the observer sees all", sts: mem(0, both(relisted(0), func(k *pb.KindCompleteness) { k.AccessBasis = "probe" })), want: listed},

		{name: "gap with a count", tally: agentstate.Tally{Records: recs(97), Gaps: gap("memory", 3)},
			sts: mem(100, reference(100, "whole file")), want: gaps},
		{name: "gap with a count of what is gone", tally: agentstate.Tally{Records: recs(97), Gaps: gap("memory", 3)},
			sts: mem(100, reference(97, "whole file")), want: gaps},
		{name: "gap too small for the count", tally: agentstate.Tally{Records: recs(90), Gaps: gap("memory", 3)},
			sts: mem(93, reference(100, "whole file")), want: unknown},
		{name: "gap too small for what was seen", tally: agentstate.Tally{Records: recs(90), Gaps: gap("memory", 3)},
			sts: mem(100, reference(93, "whole file")), want: unknown},
		{name: "gap with a count does not vouch for the rest", tally: agentstate.Tally{Records: recs(97), Gaps: gap("memory", 3)},
			sts: mem(100, nil), want: unknown},
		{name: "gap without a count", tally: agentstate.Tally{Records: recs(97), Gaps: gap("memory", 0)},
			sts: mem(97, reference(100, "whole file")), want: gaps},
		{name: "gap without a count, nothing else", tally: agentstate.Tally{Gaps: gap("memory", 0)},
			sts: mem(0, nil), want: gaps},
		{name: "gap without a count, and the count is too small", tally: agentstate.Tally{Records: recs(97), Gaps: gap("memory", 0)},
			sts: mem(97, reference(90, "whole file")), want: unknown},
		{name: "gap of any kind", tally: agentstate.Tally{Records: recs(9), Gaps: gap("", 0)},
			sts: mem(9, reference(9, "whole file")), want: gaps},
		{name: "gap of another kind", tally: agentstate.Tally{Records: recs(9), Gaps: gap("run", 1)},
			sts: mem(9, reference(9, "whole file")), want: reconciled},
		{name: "gap whose count overflows", tally: agentstate.Tally{Records: recs(97), Gaps: append(gap("memory", 1<<64-1), gap("memory", 5)...)},
			sts: mem(97, reference(50, "whole file")), want: unknown},

		{name: "resumed run with counts carried over",
			tally: agentstate.Tally{Records: recs(100)},
			sts:   mem(100, reference(100, "whole file")), want: reconciled},
		{name: "resumed run that forgot its first half",
			tally: agentstate.Tally{Records: recs(100)},
			sts:   mem(60, reference(100, "whole file")), want: unknown},
		{name: "resumed run whose sink lost the first half",
			tally: agentstate.Tally{Records: recs(60)},
			sts:   mem(100, reference(100, "whole file")), want: unknown},

		{name: "absent", tally: agentstate.Tally{Records: recs(9)},
			sts:   []*pb.Completeness{stated(whole("memory", 9, reference(9, "whole file")), whole("run", 0, class(pb.KindCompleteness_CLASS_ABSENT)))},
			known: []string{"memory", "run"}, want: reconciled},
		{name: "absent, and there are some", tally: agentstate.Tally{Records: recs(1)},
			sts: mem(0, class(pb.KindCompleteness_CLASS_ABSENT)), want: unknown},
		{name: "absent, and a gap of it", tally: agentstate.Tally{Gaps: gap("memory", 0)},
			sts: mem(0, class(pb.KindCompleteness_CLASS_ABSENT)), want: unknown},
		{name: "absent kinds are not spoiled by a gap of any kind", tally: agentstate.Tally{Records: recs(9), Gaps: gap("", 0)},
			sts:   []*pb.Completeness{stated(whole("memory", 9, reference(9, "whole file")), whole("run", 0, class(pb.KindCompleteness_CLASS_ABSENT)))},
			known: []string{"memory", "run"}, want: gaps},

		{name: "derived from what is whole", tally: msgs(5, 5, 2), kind: "message", known: mv,
			sts: []*pb.Completeness{stated(whole("message", 5, derived), whole("channelvalue", 2, reference(2, "whole file")))}, want: reconciled},
		{name: "derived from what is listed", tally: msgs(5, 5, 2), kind: "message", known: mv,
			sts: []*pb.Completeness{stated(whole("message", 5, derived), whole("channelvalue", 2, relisted(2)))}, want: listed},
		{name: "derived from what is not known", tally: msgs(5, 5, 2), kind: "message", known: mv,
			sts: []*pb.Completeness{stated(whole("message", 5, derived), whole("channelvalue", 2, nil))}, want: unknown},
		{name: "derived from what nobody spoke of", tally: msgs(5, 5, 0), kind: "message", known: []string{"message"},
			sts: []*pb.Completeness{stated(whole("message", 5, derived))}, want: unknown},
		{name: "derived, and some are not views", tally: msgs(5, 4, 2), kind: "message", known: mv,
			sts: []*pb.Completeness{stated(whole("message", 5, derived), whole("channelvalue", 2, reference(2, "whole file")))}, want: unknown},
		{name: "derived, and some are lost", tally: msgs(4, 4, 2), kind: "message", known: mv,
			sts: []*pb.Completeness{stated(whole("message", 5, derived), whole("channelvalue", 2, reference(2, "whole file")))}, want: unknown},
		{name: "derived from nothing", tally: msgs(5, 5, 2), kind: "message", known: mv,
			sts: []*pb.Completeness{stated(whole("message", 5, class(pb.KindCompleteness_CLASS_DERIVED)), whole("channelvalue", 2, reference(2, "whole file")))}, want: unknown},
		{name: "derived from itself", tally: msgs(5, 5, 2), kind: "message", known: mv,
			sts: []*pb.Completeness{stated(whole("message", 5, both(derived, func(k *pb.KindCompleteness) { k.DerivedFrom = []string{"message"} })),
				whole("channelvalue", 2, reference(2, "whole file")))}, want: unknown},
		{name: "derived, some could not be read",
			tally: func() agentstate.Tally { x := msgs(4, 4, 2); x.Gaps = gap("message", 1); return x }(), kind: "message", known: mv,
			sts: []*pb.Completeness{stated(whole("message", 5, derived), whole("channelvalue", 2, reference(2, "whole file")))}, want: gaps},

		{name: "two origins, both whole", tally: agentstate.Tally{Records: map[string]uint64{"memory": 9, "origin": 2}},
			sts: append(mem(4, reference(4, "whole file")), mem(5, reference(5, "row_security off accepted"))...), want: reconciled},
		{name: "two origins, one may be blind", tally: agentstate.Tally{Records: map[string]uint64{"memory": 9, "origin": 2}},
			sts: append(mem(4, reference(4, "whole file")), mem(5, reference(5, ""))...), want: unknown},
		{name: "two origins, one without a count", tally: agentstate.Tally{Records: map[string]uint64{"memory": 9, "origin": 2}},
			sts: append(mem(4, reference(4, "whole file")), mem(5, nil)...), want: unknown},
		{name: "two origins, one never speaks of the kind", tally: agentstate.Tally{Records: map[string]uint64{"memory": 4, "origin": 2}},
			sts: append(mem(4, reference(4, "whole file")), stated()), want: unknown},
		{name: "two origins, one has no such thing", tally: agentstate.Tally{Records: map[string]uint64{"memory": 4, "origin": 2}},
			sts: append(mem(0, class(pb.KindCompleteness_CLASS_ABSENT)), mem(4, reference(4, "whole file"))...), want: reconciled},
		{name: "two origins, one excluded it", tally: agentstate.Tally{Records: map[string]uint64{"memory": 4, "origin": 2}},
			sts: append(mem(0, class(pb.KindCompleteness_CLASS_EXCLUDED)), mem(4, reference(4, "whole file"))...), want: unknown},

		{name: "a kind of a later release", tally: agentstate.Tally{Records: map[string]uint64{"memory": 9, "dream": 2}},
			sts:  []*pb.Completeness{stated(whole("memory", 9, reference(9, "whole file")), whole("dream", 2, reference(2, "whole file")))},
			kind: "dream", want: unknown},
		{name: "a kind of a later release, which the writer knew", tally: agentstate.Tally{Records: map[string]uint64{"memory": 9, "dream": 2}},
			sts:   []*pb.Completeness{stated(whole("memory", 9, reference(9, "whole file")), whole("dream", 2, reference(2, "whole file")))},
			known: []string{"memory", "dream"}, kind: "dream", want: reconciled},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.tally.Statements = c.sts
			if c.known == nil {
				c.known = []string{"memory"}
			}
			if c.kind == "" {
				c.kind = "memory"
			}
			v := agentstate.Judge(&c.tally, c.known)
			got := v.Kinds[c.kind]
			if got.Coverage != c.want {
				t.Errorf("%s is %v (%s), want %v", c.kind, got.Coverage, got.Why, c.want)
			}
			if got.Why == "" {
				t.Error("no reason is given")
			}
			if c.all == 0 {
				c.all = c.want
			}
			if v.Coverage != c.all {
				t.Errorf("the whole is %v, want %v (%s; %v)", v.Coverage, c.all, v.Why, v.Kinds)
			}
		})
	}
}

func TestJudgeNothing(t *testing.T) {
	if v := agentstate.Judge(&agentstate.Tally{}, nil); v.Coverage != agentstate.Unknown || v.Why == "" {
		t.Errorf("%v, %q", v.Coverage, v.Why)
	}
	// All absent: an empty word is not a whole state.
	var st pb.Completeness
	for _, k := range agentstate.StateKinds() {
		st.Kinds = append(st.Kinds, whole(k, 0, class(pb.KindCompleteness_CLASS_ABSENT)))
	}
	if v := agentstate.Judge(&agentstate.Tally{Statements: []*pb.Completeness{&st}}, nil); v.Coverage != agentstate.Unknown {
		t.Error(v.Coverage)
	}
}

func TestCoverageWords(t *testing.T) {
	for _, c := range []agentstate.Coverage{agentstate.Reconciled, agentstate.Listed, agentstate.Gaps, agentstate.Unknown} {
		if agentstate.ParseCoverage(c.String()) != c {
			t.Errorf("%v does not come back", c)
		}
	}
	for _, s := range []string{"", "reconciled", "VERIFIED"} {
		if agentstate.ParseCoverage(s) != agentstate.Unknown {
			t.Errorf("%q is not UNKNOWN", s)
		}
	}
}
