package exitdrill_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func num(n uint64) *uint64 { return &n }

// TestExcluded: what is not in the archive is listed by kind with its ground: kinds that the plan does not
// take, and records that tombstones stand for.
func TestExcluded(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	out := p.run(p.plan("level: L3", "level: L1", "next_review", "kinds: [memory, message, conversation]\nnext_review",
		"promised_kinds: [memory, message]", "promised_kinds: [memory, message], exclusions: [{kind: artifact, ground: DA-30(6), why: made by the provider}]"))
	for name, want := range map[string][]evidence.Excluded{
		"memory":   nil,
		"artifact": {{Ground: "DA-30(6)", Why: "made by the provider"}},
		"agent":    {{Why: "left out on request; the plan gives no ground"}},
	} {
		got := kind(out, name).Excluded
		for i := range got { // whether somebody counted them is the runtime's
			if n := got[i].Count; n != nil && *n == 0 {
				t.Errorf("%s: 0 of them are left out", name)
			}
			got[i].Count = nil
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}

	p = newPlace(t)
	grave := func(key, reason string) agentstate.Record {
		return &pb.Tombstone{Meta: &pb.Meta{Key: agentstate.Key("tombstone", key)}, OfKey: key, Reason: reason}
	}
	src := memstate.Whole("x", &pb.Memory{Meta: agentstate.Meta("memory", nil, "s", "1")},
		grave("memory/s/2", "erasure"), grave("memory/s/3", "erasure"), grave("memory/s/4", "derived"), grave("run/5", "TTL of ada"))
	if _, err := format.Export(t.Context(), filepath.Join(p.dir, "a.ctxa"), src, nil, nil); err != nil {
		t.Fatal(err)
	}
	out = p.run(p.plan("level: L3", "level: L1", "mode: planned", "mode: stressed", "trust: DIR/ops.key.pub, identities: []", "identities: []"))
	if d := cmp.Diff([]evidence.Excluded{
		{Ground: "derived", Count: num(1), Why: "left out when the archive was derived from another; a tombstone of the archive stands for each"},
		{Ground: "erasure", Count: num(2), Why: "a tombstone of the archive stands for each"},
	}, kind(out, "memory").Excluded); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]evidence.Excluded{{Count: num(1), Why: "a tombstone of the archive stands for each"}}, kind(out, "run").Excluded); d != "" {
		t.Error(d)
	}
}

// TestCounted: what was read back has its duplicates and repairs counted, none as 0 and []; what was not has neither.
func TestCounted(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	out := p.run(p.plan())
	if k := kind(out, "message"); k.Duplicates == nil || *k.Duplicates != 0 || k.Links == nil || k.Links.Repairs == nil || len(k.Links.Repairs) > 0 {
		t.Errorf("%+v", k)
	}
	p = newPlace(t)
	out = p.run(p.plan("level: L3", "level: L1"))
	if k := kind(out, "message"); k.Duplicates != nil || k.Links != nil {
		t.Errorf("%+v", k)
	}
}
