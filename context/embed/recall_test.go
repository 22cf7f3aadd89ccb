package embed_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/internal/wordembedtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// topics is a state of n memories about few things, with vectors of model.
func topics(n int, model string) *memstate.State {
	things := []string{"green tea in the morning", "the train to Lyon", "invoices of the shop", "a dog called Rex"}
	recs := []agentstate.Record{&pb.MemorySpace{Meta: agentstate.Meta("memoryspace", nil, "ada")}}
	for i := range n {
		id := fmt.Sprintf("%04d", i)
		text := fmt.Sprintf("%s and %s number %d", things[i%4], things[i%4], i)
		m := &pb.Memory{Meta: agentstate.Meta("memory", nil, id), SpaceKey: "memoryspace/ada", Content: &pb.Memory_Text{Text: text}}
		recs = append(recs, m)
		if model != "" {
			recs = append(recs, vector(m, model, text))
		}
	}
	return memstate.Whole("sample", recs...)
}

func vector(m *pb.Memory, model, text string) *pb.Embedding {
	_, parts := agentstate.SplitKey(m.Meta.Key)
	e := &pb.Embedding{Meta: agentstate.Meta("embedding", nil, parts...), OfKey: m.Meta.Key, Field: "text", Model: model, Dimensions: wordembedtest.Dimensions, Element: pb.Embedding_ELEMENT_FLOAT32}
	e.Vector = bytesOf(wordembedtest.Vector(model, text))
	return e
}

func TestRecall(t *testing.T) {
	one := topics(200, "words-1")
	same, err := embed.Recall(t.Context(), one, topics(200, "words-1"), &embed.RecallOptions{N: 50, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if same.Overlap != 1 || same.CI95 != [2]float64{1, 1} || same.Before.Recall != 1 || same.After.Recall != 1 || same.Queries != 50 || same.Compared != 50 || same.Before.Vectors != 200 || same.After.Model != "words-1" {
		t.Errorf("the same state: %+v", same)
	}
	again, err := embed.Recall(t.Context(), one, topics(200, "words-1"), &embed.RecallOptions{N: 50, Seed: 1})
	if d := cmp.Diff(same, again); d != "" || err != nil {
		t.Errorf("the same seed: %v %s", err, d)
	}
	// Another model orders the neighbours otherwise, and half of a re-embedded index shows too.
	other, err := embed.Recall(t.Context(), one, topics(200, "words-2"), &embed.RecallOptions{N: 50, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if other.Overlap >= 0.9 || other.Overlap < 0.1 || other.CI95[0] > other.Overlap || other.CI95[1] < other.Overlap || other.CI95[0] == other.CI95[1] || other.QuerySet != same.QuerySet {
		t.Errorf("another model: %+v", other)
	}
	lost, err := embed.Recall(t.Context(), one, topics(100, "words-1"), &embed.RecallOptions{N: 200, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if lost.After.Recall != 0.5 || lost.After.Empty != 100 || lost.ChangeCI95[1] >= 0 {
		t.Errorf("half of the vectors lost: %+v", lost)
	}
	// A state without vectors before: only what is found after is known.
	bare, err := embed.Recall(t.Context(), topics(50, ""), topics(50, "words-1"), nil)
	if err != nil || bare.Compared != 0 || bare.Before.Searched != 0 || bare.After.Recall != 1 {
		t.Errorf("%v %+v", err, bare)
	}
	if _, err := embed.Recall(t.Context(), topics(5, ""), topics(5, ""), nil); !errors.Is(err, embed.ErrQueries) {
		t.Errorf("no vectors: %v", err)
	}
}

// TestRecallKeys: where the target makes ids of its own, neighbours are compared by the keys there.
func TestRecallKeys(t *testing.T) {
	there := func(k string) string { return strings.Replace(k, "memory/", "memory/x", 1) }
	var recs []agentstate.Record
	for r, err := range topics(100, "words-1").Records(t.Context(), &agentstate.ReadOptions{Kinds: []string{"embedding"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := r.(*pb.Embedding); ok {
			e.OfKey = there(e.OfKey)
			recs = append(recs, e)
		}
	}
	got, err := embed.Recall(t.Context(), topics(100, "words-1"), memstate.Whole("sample", recs...), &embed.RecallOptions{Key: there})
	if err != nil || got.Overlap != 1 || got.After.Recall != 1 {
		t.Errorf("%v %+v", err, got)
	}
}

func TestRecallGiven(t *testing.T) {
	qs, err := embed.ReadQueries(strings.NewReader("the train to Lyon\n\n" + `{"query":"a dog called Rex and a dog called Rex number 7","expected":["memory/0007"]}` + "\n" + `{"query":"green tea","expected":["memory/gone"]}`))
	if err != nil || len(qs) != 3 {
		t.Fatal(qs, err)
	}
	p1, err := start(t, "words-1")
	if err != nil {
		t.Fatal(err)
	}
	p2, err := start(t, "words-2")
	if err != nil {
		t.Fatal(err)
	}
	got, err := embed.Recall(t.Context(), topics(100, "words-1"), topics(100, "words-2"), &embed.RecallOptions{Queries: qs, K: 5, Before: p1, After: p2})
	if err != nil {
		t.Fatal(err)
	}
	if got.Queries != 3 || got.Before.Expected != 2 || got.Before.Recall != 0.5 || got.After.Recall != 0.5 || got.Compared != 3 || got.Sampled {
		t.Errorf("%+v", got)
	}
	after, err := embed.Recall(t.Context(), topics(100, "words-1"), topics(100, "words-2"), &embed.RecallOptions{Queries: qs, After: p2})
	if err != nil || after.Before.Searched != 0 || after.Compared != 0 || after.After.Searched != 3 {
		t.Errorf("%v %+v", err, after)
	}
	// Vectors of another length are no answer.
	if _, err := embed.Recall(t.Context(), words(10, "old-1"), topics(10, "words-1"), &embed.RecallOptions{Queries: qs, Before: p1}); !errors.Is(err, embed.ErrMixed) {
		t.Errorf("another length: %v", err)
	}
	for _, bad := range []string{"", "\n", `{"query":""}`, `{"q":"x"}`, "\xff"} {
		if _, err := embed.ReadQueries(strings.NewReader(bad)); !errors.Is(err, embed.ErrQueries) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestRecallReembedded is the use of it: before and after a replay that makes vectors anew.
func TestRecallReembedded(t *testing.T) {
	src := topics(100, "words-1")
	s := reembed(t, src, filepath.Join(t.TempDir(), "v"), "words-2")
	got, err := embed.Recall(t.Context(), src, s, &embed.RecallOptions{N: 20})
	if err != nil || got.Before.Model != "words-1" || got.After.Model != "words-2" || got.After.Recall != 1 {
		t.Errorf("%v %+v", err, got)
	}
}

// fixed is an embedder for which each text is one vector.
type fixed []float32

func (f fixed) Embed(_ context.Context, texts []string) ([]embed.Answer, error) {
	out := make([]embed.Answer, len(texts))
	for i := range out {
		out[i].Vector = f
	}
	return out, nil
}

// TestRank: an expected record that stands further behind is counted in places.
func TestRank(t *testing.T) {
	rec := func(id string, x, y float32) []agentstate.Record {
		m := &pb.Memory{Meta: agentstate.Meta("memory", nil, id), Content: &pb.Memory_Text{Text: id}}
		e := vector(m, "m", id)
		e.Dimensions, e.Vector = 2, bytesOf([]float32{x, y})
		return []agentstate.Record{m, e}
	}
	state := memstate.Whole("sample", slices.Concat(rec("a", 1, 0), rec("b", 0.8, 0.6), rec("c", 0, 1))...)
	o := &embed.RecallOptions{K: 3, Before: fixed{1, 0}, After: fixed{0, 1}, Queries: []embed.Query{
		{Text: "x", Expected: []string{"memory/a", "memory/b"}}, {Text: "y", Expected: []string{"memory/c", "memory/gone"}}}}
	rep, err := embed.Recall(t.Context(), state, state, o)
	if err != nil {
		t.Fatal(err)
	}
	// a went from first to third, b stayed second, c came from third to first.
	if rep.Ranked != 3 || rep.RankDelta != 0 || rep.RankWorst != 2 {
		t.Errorf("%+v", rep)
	}
	o.Queries = o.Queries[:1]
	if rep, err = embed.Recall(t.Context(), state, state, o); err != nil || rep.Ranked != 2 || rep.RankDelta != 1 || rep.RankWorst != 2 {
		t.Errorf("%v %+v", err, rep)
	}
}
