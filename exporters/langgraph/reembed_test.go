package langgraph

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	"github.com/exitramp/exitramp/internal/wordembedtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// reembedded replays src into dst, reads back against what was made, and undoes it.
func reembedded(t *testing.T, src *embed.Source, dst *Store, want uint64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	plan, err := replay.Plan(t.Context(), dst, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	if n := rep.Kinds["embedding"][replay.Created]; n != want || plan.Kinds["embedding"][replay.Created] != want || rep.Actions[replay.Refused] != 0 {
		t.Fatalf("%d vectors, want %d: %v %v", n, want, rep.Kinds["embedding"], rep.Refused)
	}
	var n uint64
	for r, err := range dst.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := r.(*pb.Embedding); ok {
			if n++; e.Dimensions != wordembedtest.Dimensions {
				t.Errorf("%s has %d numbers", e.Meta.Key, e.Dimensions)
			}
		}
	}
	if n != want {
		t.Errorf("the target has %d vectors, want %d", n, want)
	}
	back, err := replay.ReadBack(t.Context(), src, dst, j)
	if err != nil || back.UnannouncedN != 0 || back.MissingN != 0 {
		t.Errorf("read back: %v %v %v", err, back.Unannounced, back.Missing)
	}
	u, err := replay.Undo(t.Context(), dst, j)
	if err != nil || u.LeftN != 0 {
		t.Errorf("undo: %v, leaves %v", err, u.Left)
	}
}

// TestReembed makes the vectors of a store anew, in the same kind of database and in the other.
func TestReembed(t *testing.T) {
	for _, at := range stores() {
		t.Run(at.name, func(t *testing.T) {
			from := at.load(t)
			src, _ := drivertest.Export(t, from)
			var n uint64
			for r, err := range src.Records(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				if e, ok := r.(*pb.Embedding); ok {
					if _, err := src.Get(t.Context(), e.OfKey); err == nil {
						n++
					}
				}
			}
			if n == 0 {
				t.Skip("it has no vectors")
			}
			reembedded(t, wordembedtest.Source(t, src), at.void(t), n)
		})
	}
}

// TestReembedForeign: memories of a runtime that gives no vectors get them, whatever runtime that is.
func TestReembedForeign(t *testing.T) {
	text := &pb.Memory{Meta: agentstate.Meta("memory", nil, "main", "a"), SpaceKey: "memoryspace/main", Name: "a", Content: &pb.Memory_Text{Text: "likes tea"}}
	doc := &pb.Memory{Meta: agentstate.Meta("memory", nil, "main", "b"), SpaceKey: "memoryspace/main", Name: "b", Content: &pb.Memory_Data{Data: agentstate.Inline("application/json", []byte(`{"likes":"tea"}`))}}
	src := memstate.Whole("other", &pb.MemorySpace{Meta: agentstate.Meta("memoryspace", nil, "main"), Path: []string{"users", "ada"}}, text, doc)
	for _, at := range stores() {
		t.Run(at.name, func(t *testing.T) {
			if at.name == "js.sqlite" || at.name == "python.pgvector.sql" {
				t.Skip("it has no long-term store, or one with vectors of another length")
			}
			dst := SQLite(filepath.Join(t.TempDir(), "new.sqlite"))
			if from := at.load(t); from.server != nil { // the tables say of which language the target is
				dst = from
			}
			reembedded(t, wordembedtest.Source(t, src), dst, 2)
		})
	}
}

// TestReembedUnfit: a table of vectors of another length is refused before anything is written.
func TestReembedUnfit(t *testing.T) {
	for _, at := range stores() {
		if !strings.Contains(at.name, "pgvector") {
			continue
		}
		dst := at.load(t)
		src, _ := drivertest.Export(t, SQLite(sample(t, "python.sqlite")))
		if _, err := replay.Plan(t.Context(), dst, wordembedtest.Source(t, src), nil); !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), "the embedder makes 16") {
			t.Errorf("%s: %v", at.name, err)
		}
	}
}

// TestVectorsOfAnotherLength: items come into a store whose vectors are longer, even if it has none yet;
// the vectors that came with them do not, and what makes them anew is named.
func TestVectorsOfAnotherLength(t *testing.T) {
	for _, at := range stores() {
		if !strings.Contains(at.name, "pgvector") {
			continue
		}
		u := pgtest.Database(t)
		needVector(t, postgres(t, u))
		load(t, u, at.name)
		src, _ := drivertest.Export(t, postgres(t, u))
		if _, err := connect(t, u).Exec(t.Context(), "DELETE FROM store_vectors; DELETE FROM store; ALTER TABLE store_vectors ALTER COLUMN embedding TYPE vector(8)"); err != nil {
			t.Fatal(err)
		}
		items := 0
		for _, rc := range apply(t, postgres(t, u), src, false) {
			switch {
			case strings.HasPrefix(rc.Key, "memory/") && rc.Action == replay.Created:
				items++
			case strings.HasPrefix(rc.Key, "embedding/") && (rc.Action != replay.Refused || !strings.Contains(rc.Why, "--embedder")):
				t.Errorf("%+v", rc)
			}
		}
		if items == 0 {
			t.Errorf("%s: no item arrived", at.name)
		}
	}
}
