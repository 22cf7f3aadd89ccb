package drill

import (
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestAccounted: a record of which nobody knows what became of it is not taken for one that has no place.
func TestAccounted(t *testing.T) {
	for name, tc := range map[string]struct {
		kind         string
		f            *fidelity.Kind
		written, out uint64 // imported and skipped
	}{
		"all":            {"memory", &fidelity.Kind{Records: 6, Same: 6}, 6, 0},
		"no place":       {"memory", &fidelity.Kind{Records: 4, Same: 4, Skipped: 2}, 4, 2},
		"lost":           {"memory", &fidelity.Kind{Records: 4, Same: 4}, 4, 0},
		"not seen":       {"memory", nil, 0, 0},
		"came back":      {"memory", &fidelity.Kind{Records: 5, Same: 5, Extra: 1, Forbidden: 1}, 5, 1},
		"later releases": {"later", nil, 0, 6},
	} {
		b := &Back{Fidelity: &fidelity.Report{Kinds: map[string]*fidelity.Kind{}}}
		if tc.f != nil {
			b.Fidelity.Kinds[tc.kind] = tc.f
		}
		r := &run{p: &Plan{}, st: &state{Back: b}}
		k := evidence.Kind{Kind: tc.kind, Archived: 6}
		if r.became(&k); k.Imported != tc.written || k.Skipped != tc.out {
			t.Errorf("%s: %d imported, %d skipped; want %d, %d", name, k.Imported, k.Skipped, tc.written, tc.out)
		}
	}
}

// TestHeldBefore: of one kind some records were in the target before by themselves and others inside of records: both show
// nothing. What did not come back alike is not among them.
func TestHeldBefore(t *testing.T) {
	for name, tc := range map[string]struct{ alone, inside, same, want uint64 }{
		"by themselves":  {3, 0, 9, 3},
		"inside":         {0, 2, 9, 2},
		"both":           {3, 2, 9, 5},
		"some are other": {3, 2, 4, 4},
	} {
		r := &run{p: &Plan{}, st: &state{Before: map[string]uint64{"memory": tc.alone, "checkpoint": 1}, Report: &replay.Report{Kinds: map[string]map[replay.Action]uint64{"memory": {replay.Same: tc.alone}}}, Back: &Back{
			Fidelity: &fidelity.Report{Kinds: map[string]*fidelity.Kind{"memory": {Records: 9, Same: tc.same}}}, Before: map[string]uint64{"memory": tc.inside},
		}}}
		k := evidence.Kind{Kind: "memory", Archived: 9}
		if r.became(&k); k.Before != tc.want {
			t.Errorf("%s: want %d that were there before, got %d", name, tc.want, k.Before)
		}
	}
}

// TestSeenOnce: a view with bytes of its own does not stand for a record that has none.
func TestSeenOnce(t *testing.T) {
	o := newObserver(nil)
	o.record(&pb.Message{Meta: &pb.Meta{Key: "message/1", ViewOfKeys: []string{"checkpoint/1"}, Native: []*pb.Native{{}}}})
	o.record(&pb.Message{Meta: agentstate.Meta("message", nil, "2")})
	if k := o.seen.Kinds["message"]; k.Native+k.Views != 1 {
		t.Errorf("%+v", k)
	}
}

// TestFormOf: views have no bytes of their own, and do not count.
func TestFormOf(t *testing.T) {
	for name, tc := range map[string]struct {
		seen *SeenKind
		want string
	}{
		"not seen":         {nil, ""},
		"views alone":      {&SeenKind{Records: 3, Views: 3}, ""},
		"all have them":    {&SeenKind{Records: 3, Views: 1, Native: 2}, evidence.FormVerbatim},
		"some have them":   {&SeenKind{Records: 3, Views: 1, Native: 1}, evidence.FormInPart},
		"none of them has": {&SeenKind{Records: 3, Views: 1}, evidence.FormRestructured},
	} {
		r := &run{st: &state{Seen: &Seen{Kinds: map[string]*SeenKind{}}}}
		if tc.seen != nil {
			r.st.Seen.Kinds["memory"] = tc.seen
		}
		if got := r.formOf("memory"); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
