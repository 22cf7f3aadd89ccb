package embed_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/wordembedtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// words is a state of n memories with vectors of old, or with none.
func words(n int, old string) *memstate.State {
	recs := []agentstate.Record{&pb.MemorySpace{Meta: agentstate.Meta("memoryspace", nil, "ada"), EmbeddingModel: old}}
	for i := range n {
		id := fmt.Sprintf("%04d", i)
		m := &pb.Memory{Meta: agentstate.Meta("memory", nil, id), SpaceKey: "memoryspace/ada", Content: &pb.Memory_Text{Text: "likes tea number " + id}}
		switch i {
		case 3:
			m.Content = &pb.Memory_Text{Text: "an unembeddable text"}
		case 4:
			m.Content = &pb.Memory_Data{Data: agentstate.Inline("application/json", []byte(`{"text":"a document","tags":["x","y"]}`))}
		}
		recs = append(recs, m)
		if old != "" {
			field := "text"
			if i == 4 {
				field = "tags[*].1"
			}
			recs = append(recs, &pb.Embedding{Meta: agentstate.Meta("embedding", nil, id), OfKey: m.Meta.Key, Field: field, Model: old,
				Dimensions: 1, Element: pb.Embedding_ELEMENT_FLOAT32, Vector: []byte{0, 0, 128, 63}})
		}
	}
	if old != "" {
		recs = append(recs, &pb.Embedding{Meta: agentstate.Meta("embedding", nil, "orphan"), OfKey: "memory/deleted", Field: "text", Model: old, Dimensions: 1, Vector: []byte{0, 0, 128, 63}})
	}
	return memstate.Whole("sample", recs...)
}

func reembed(t *testing.T, src agentstate.Source, path string, args ...string) *embed.Source {
	t.Helper()
	p, err := start(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	s, err := embed.NewSource(src, p, open(t, path, p.Model()))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func journal(t *testing.T, path string) *replay.Journal {
	t.Helper()
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// TestReplay re-embeds a state into a runtime, and reads it back against what was made.
func TestReplay(t *testing.T) {
	for _, old := range []string{"old-1", ""} {
		t.Run("from "+old, func(t *testing.T) {
			const n = 200
			dir := t.TempDir()
			src := words(n, old)
			s := reembed(t, src, filepath.Join(dir, "v"), "words-1")
			dst := memstate.NewRuntime(&memstate.RuntimeOptions{})

			plan := s.ForPlan()
			if _, err := replay.Plan(t.Context(), dst, plan, nil); err != nil {
				t.Fatal(err)
			}
			made := uint64(n)
			if plan.Stats.Texts != made || plan.Stats.Asked != made || plan.Stats.Tokens() == 0 {
				t.Errorf("the plan asks for %+v, want %d texts", plan.Stats, made)
			}
			j := journal(t, filepath.Join(dir, "j"))
			rep, err := replay.Apply(t.Context(), dst, s, &replay.Options{Journal: j})
			j.Close()
			if err != nil {
				t.Fatal(err)
			}
			made-- // the text that is refused
			why := map[string]uint64{"the embedder refuses it: 9000 tokens, at most 512": 1}
			if old != "" {
				why["its text was deleted"] = 1
			}
			if d := cmp.Diff(why, rep.NoPlace["embedding"]); d != "" || rep.Kinds["embedding"][replay.Created] != made {
				t.Errorf("%v %s", rep.Kinds["embedding"], d)
			}
			if old != "" && (rep.LossCount["embedding.vector"] != made || rep.LossCount["embedding.model"] != made || s.Stats.Before[embed.Model{Name: old, Dimensions: 1}] != n+1) {
				t.Errorf("losses %v, before %v", rep.LossCount, s.Stats.Before)
			}
			var seen uint64
			for r, err := range dst.Records(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				if m, ok := r.(*pb.MemorySpace); ok && old != "" && m.EmbeddingModel != "words-1" {
					t.Errorf("the space says %s", m.EmbeddingModel)
				}
				e, ok := r.(*pb.Embedding)
				if !ok {
					continue
				}
				seen++
				if e.Model != "words-1" || e.Dimensions != wordembedtest.Dimensions || len(e.Vector) != 4*wordembedtest.Dimensions {
					t.Fatalf("%s is of %s with %d numbers, %d bytes", e.Meta.Key, e.Model, e.Dimensions, len(e.Vector))
				}
			}
			if seen != made {
				t.Errorf("%d vectors in the target, want %d", seen, made)
			}

			// A second process has the file of vectors, and no embedder.
			kept, err := embed.NewSource(src, nil, open(t, filepath.Join(dir, "v"), embed.Model{}))
			if err != nil {
				t.Fatal(err)
			}
			back := readBack(t, kept, dst, filepath.Join(dir, "j"))
			if back.MissingN != 0 || back.Same != back.Records || back.ExtraN != 0 {
				t.Errorf("read back: %+v", back)
			}
			// Without the file, the difference is as announced, and what has no vector of old is extra.
			back = readBack(t, src, dst, filepath.Join(dir, "j"))
			if back.UnannouncedN != 0 || old != "" && back.Announced != made+1 {
				t.Errorf("read back without the file: %d announced, %v", back.Announced, back.Unannounced)
			}
			// A vector that somebody changed is found with the file.
			for r := range dst.Records(t.Context(), nil) {
				if e, ok := r.(*pb.Embedding); ok {
					e.Vector[5] ^= 1
					dst.Set(e)
					break
				}
			}
			if back = readBack(t, kept, dst, filepath.Join(dir, "j")); back.Match() || back.UnannouncedN != 1 || back.Unannounced[0].Path != "vector" {
				t.Errorf("a changed vector: %+v", back.Unannounced)
			}
		})
	}
}

func readBack(t *testing.T, want, got agentstate.Source, path string) *fidelity.Report {
	t.Helper()
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	rep, err := replay.ReadBack(t.Context(), want, got, j)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// TestResume: a run whose embedder broke goes on, asks for no text twice, and not with another model.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	src := words(200, "old-1")
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{})
	v, jp := filepath.Join(dir, "v"), filepath.Join(dir, "j")
	apply := func(s agentstate.Source) error {
		j, err := replay.OpenJournal(jp)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		_, err = replay.Apply(t.Context(), dst, s, &replay.Options{Journal: j})
		return err
	}
	p, err := start(t, "words-1")
	if err != nil {
		t.Fatal(err)
	}
	kept := open(t, v, p.Model())
	s, err := embed.NewSource(src, &breaking{Embedder: p, left: 2}, kept)
	if err != nil {
		t.Fatal(err)
	}
	if err := apply(s); !errors.Is(err, replay.ErrSource) || !errors.Is(err, errBroken) {
		t.Fatalf("got %v", err)
	}
	first := s.Stats.Asked
	if first == 0 || first >= 200 {
		t.Fatalf("%d texts before it broke", first)
	}
	for _, other := range []agentstate.Source{src, reembed(t, src, filepath.Join(dir, "w"), "words-2")} {
		if err := apply(other); !errors.Is(err, replay.ErrJournal) {
			t.Errorf("goes on with other vectors: %v", err)
		}
	}
	if s, err = embed.NewSource(src, p, kept); err != nil {
		t.Fatal(err)
	}
	if err := apply(s); err != nil {
		t.Fatal(err)
	}
	refused := uint64(1) // is asked for again
	if s.Stats.Asked+first != 200+refused {
		t.Errorf("%d texts and then %d, want %d together", first, s.Stats.Asked, 200+refused)
	}
	if back := readBack(t, s, dst, jp); back.MissingN != 0 || back.Same != back.Records || back.ExtraN != 0 {
		t.Errorf("read back: %+v", back)
	}
}

var errBroken = errors.New("broken")

// breaking breaks after some batches.
type breaking struct {
	embed.Embedder
	left int
}

func (b *breaking) Embed(ctx context.Context, texts []string) ([]embed.Answer, error) {
	if b.left--; b.left < 0 {
		return nil, errBroken
	}
	return b.Embedder.Embed(ctx, texts)
}

// TestPlanBound: a reviewed plan is not carried out with another model, or with none.
func TestPlanBound(t *testing.T) {
	dir := t.TempDir()
	src := words(20, "old-1")
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{})
	s := reembed(t, src, filepath.Join(dir, "v"), "words-1")
	var b strings.Builder
	if _, err := replay.WritePlan(t.Context(), &b, dst, s, nil); err != nil {
		t.Fatal(err)
	}
	plan, err := replay.ReadPlan(strings.NewReader(b.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&replay.Vectors{Model: "words-1", Dimensions: 16}, plan.Vectors); d != "" {
		t.Error(d)
	}
	for i, other := range []agentstate.Source{src, reembed(t, src, filepath.Join(dir, "w"), "words-2")} {
		if _, err := replay.Apply(t.Context(), dst, other, &replay.Options{Journal: journal(t, filepath.Join(dir, fmt.Sprint("j", i))), Reviewed: plan}); !errors.Is(err, replay.ErrStale) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := replay.Apply(t.Context(), dst, s, &replay.Options{Journal: journal(t, filepath.Join(dir, "j9")), Reviewed: plan}); err != nil {
		t.Error(err)
	}
}

// TestRefusesAll: an embedder that refuses every text is no embedder; one that answers wrongly breaks the run.
func TestRefusesAll(t *testing.T) {
	for _, fault := range []string{"none", "short", "zero", "die"} {
		s := reembed(t, words(100, "old-1"), filepath.Join(t.TempDir(), "v"), "words-1", fault)
		var last error
		for _, err := range s.Records(t.Context(), nil) {
			last = err
		}
		if !errors.Is(last, embed.ErrEmbedder) {
			t.Errorf("%s: %v", fault, last)
		}
	}
}

func TestGet(t *testing.T) {
	s := reembed(t, words(10, "old-1"), filepath.Join(t.TempDir(), "v"), "words-1")
	if _, err := s.Get(t.Context(), "embedding/0001"); !errors.Is(err, agentstate.ErrNotFound) {
		t.Errorf("before it was made: %v", err)
	}
	for _, err := range s.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := s.Get(t.Context(), "embedding/0001")
	if err != nil {
		t.Fatal(err)
	}
	if e := r.(*pb.Embedding); e.Model != "words-1" {
		t.Errorf("the vector of %s", e.Model)
	}
	if _, err := s.Get(t.Context(), "embedding/0003"); !errors.Is(err, agentstate.ErrNotFound) {
		t.Errorf("a vector that was refused: %v", err)
	}
}

func TestUnmixed(t *testing.T) {
	of := func(ms ...embed.Model) map[embed.Model]uint64 {
		out := map[embed.Model]uint64{}
		for _, m := range ms {
			out[m] = 1
		}
		return out
	}
	a, b, unsaid, wide := embed.Model{Name: "a", Dimensions: 4}, embed.Model{Name: "b", Dimensions: 4}, embed.Model{Dimensions: 4}, embed.Model{Dimensions: 8}
	for _, c := range []struct {
		name       string
		come, held map[embed.Model]uint64
		said       string
		ok         bool
	}{
		{"nothing there", of(a), nil, "", true},
		{"nothing comes", nil, of(a), "", true},
		{"the same model", of(a), of(a), "", true},
		{"another of the same dimension", of(b), of(a), "", false},
		{"the target does not say", of(a), of(unsaid), "", false},
		{"a person says it", of(a), of(unsaid), "a", true},
		{"a person says another", of(a), of(unsaid), "b", false},
		{"a person says another, nothing there", of(a), nil, "b", false},
		{"neither says", of(unsaid), of(unsaid), "", false},
		{"the state does not say", of(unsaid), of(unsaid), "a", false},
		{"another length", of(a), of(wide), "a", false},
		{"two models come", of(a, b), nil, "a", false},
	} {
		err := embed.Unmixed(c.come, c.held, c.said)
		if errors.Is(err, embed.ErrUnsaid) != (c.name == "neither says") {
			t.Errorf("%s: %v", c.name, err)
		}
		if (err == nil) != c.ok || err != nil && !errors.Is(err, embed.ErrMixed) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// bytesOf are the bytes of a vector as an Embedding holds them.
func bytesOf(v []float32) []byte {
	var out []byte
	for _, f := range v {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(f))
	}
	return out
}
