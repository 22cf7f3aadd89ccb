package mem0

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/internal/wordembedtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestReembed: vectors of 8 numbers become some of 16, in each store of each package: no old one is
// written, what was read back is what was made, and undo leaves nothing.
func TestReembed(t *testing.T) {
	pgs := map[string]string{"js pgvector": "pgvector-js.sql", "python pgvector": "pgvector-python.sql"}
	for _, name := range []string{"js", "python", "js pgvector", "python pgvector"} {
		t.Run(name, func(t *testing.T) {
			var from, dst *Store
			if file := pgs[name]; file != "" {
				from, dst = store(t, database(t, file), ""), store(t, database(t, ""), "")
			} else {
				from, dst = Open("testdata/"+name), Open(filepath.Join(t.TempDir(), "new"))
			}
			mem, _ := drivertest.Export(t, from)
			vectors := recordsOf[*pb.Embedding](t, mem)
			if len(vectors) == 0 {
				t.Fatal("no vectors")
			}
			src := wordembedtest.Source(t, mem)
			plan, err := replay.Plan(t.Context(), dst, src, nil)
			if err != nil {
				t.Fatal(err)
			}
			rep, journal := drivertest.Apply(t, dst, src)
			if n := rep.Kinds["embedding"][replay.Created]; n != uint64(len(vectors)) || plan.Kinds["embedding"][replay.Created] != n || rep.Actions[replay.Refused]+rep.Actions[replay.Conflict] != 0 {
				t.Fatalf("%d vectors of %d: %v %v", n, len(vectors), rep.Kinds, rep.Refused)
			}
			there := recordsOf[*pb.Embedding](t, dst)
			for k, e := range there {
				if e.Dimensions != wordembedtest.Dimensions {
					t.Errorf("%s has %d numbers", k, e.Dimensions)
				}
			}
			if len(there) != len(vectors) {
				t.Errorf("%d vectors, want %d", len(there), len(vectors))
			}
			back, err := replay.ReadBack(t.Context(), src, dst, journal)
			if err != nil || back.UnannouncedN != 0 || back.MissingN != 0 {
				t.Errorf("read back: %v %v %v", err, back.Unannounced, back.Missing)
			}
			if u, err := replay.Undo(t.Context(), dst, journal); err != nil || u.LeftN != 0 {
				t.Errorf("undo: %v %v", u, err)
			}
		})
	}
}

// TestReembedDropped: the row of a text that is refused holds filler in place of a vector, so that mem0
// reads it; the old vector is not there.
func TestReembedDropped(t *testing.T) {
	dir := copied(t, "js")
	d := opens(t, filepath.Join(dir, "vector_store.db"))
	if _, err := d.Exec(`UPDATE vectors SET payload = json_set(payload, '$.data', 'an unembeddable text') WHERE id = (SELECT min(id) FROM vectors)`); err != nil {
		t.Fatal(err)
	}
	d.Close()
	mem, _ := drivertest.Export(t, Open(dir))
	out := filepath.Join(t.TempDir(), "new")
	rep, _ := drivertest.Apply(t, Open(out), wordembedtest.Source(t, mem))
	if rep.NoPlace["embedding"]["too long"] != 1 {
		t.Fatalf("losses %v", rep.NoPlace)
	}
	d = opens(t, filepath.Join(out, "vector_store.db"))
	defer d.Close()
	var n, short int
	if err := d.QueryRow(`SELECT count(*), sum(length(vector) = 65) FROM vectors WHERE length(vector) >= 64`).Scan(&n, &short); err != nil || n != 4 || short != 1 {
		t.Errorf("%v: %d rows with 16 numbers, %d of filler; want 4 and 1", err, n, short)
	}
}

// TestReembedUnfit: a table of vectors of another length is refused before anything is written.
func TestReembedUnfit(t *testing.T) {
	dst := store(t, database(t, "pgvector-js.sql"), "")
	mem, _ := drivertest.Export(t, Open("testdata/js"))
	_, err := replay.Plan(t.Context(), dst, wordembedtest.Source(t, mem), nil)
	if !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), "the embedder makes 16") {
		t.Error(err)
	}
}

func opens(t *testing.T, path string) *sql.DB {
	t.Helper()
	d, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
