package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestOnlyGapsOfUnnamed: a kind of which more were counted than came is read again with those that have gaps, though
// no gap names it; what is whole is not.
func TestOnlyGapsOfUnnamed(t *testing.T) {
	origin := &pb.Origin{Meta: agentstate.Meta("origin", nil, "x"), Product: "service"}
	memory := &pb.Memory{Meta: agentstate.Meta("memory", nil, "m")}
	one, two := &pb.Entity{Meta: agentstate.Meta("entity", nil, "1")}, &pb.Entity{Meta: agentstate.Meta("entity", nil, "2")}
	model := &pb.Model{Meta: agentstate.Meta("model", nil, "m")}
	kind := func(name string, n, counted uint64) *pb.KindCompleteness {
		return &pb.KindCompleteness{Kind: name, Class: pb.KindCompleteness_CLASS_ENUMERATED, Enumerated: n, Reference: &counted, Exhausted: true, AccessBasis: "file"}
	}
	facts := func(kinds ...*pb.KindCompleteness) *pb.Completeness {
		return &pb.Completeness{Meta: agentstate.Meta("completeness", nil, "x"), Kinds: kinds}
	}
	gap := &pb.Gap{Meta: agentstate.Meta("gap", nil, "g"), Kind: "memory", Count: 1}
	path := filepath.Join(t.TempDir(), "a.ctxa")
	old := memstate.New(origin, model, one, gap, facts(kind("model", 1, 1), kind("memory", 0, 1), kind("entity", 1, 2)))
	if _, err := format.Export(t.Context(), path, old, &format.WriterOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	r, err := format.Open(path, &format.ReaderOptions{Policy: format.IntegrityOnly()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	live := memstate.New(origin, memory, one, two, facts(kind("memory", 1, 1), kind("entity", 2, 2)))
	src, err := onlyGaps(t.Context(), r, live)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for rec, err := range src.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if k := agentstate.KindOf(rec); agentstate.IsState(k) {
			got = append(got, rec.GetMeta().Key)
		}
	}
	slices.Sort(got)
	if want := []string{"entity/1", "entity/2", "memory/m", "model/m"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
