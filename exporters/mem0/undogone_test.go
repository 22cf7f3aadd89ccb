package mem0

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile/sqlitetest"
)

// goneAre wants an undo to say of the records of one kind that they were gone, and to take out the rest.
func goneAre(t *testing.T, rep *replay.UndoReport, mem agentstate.Source, kinds ...string) {
	t.Helper()
	want := 0
	for r, err := range mem.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range kinds {
			if _, parts := agentstate.SplitKey(r.GetMeta().GetKey()); agentstate.KindOf(r) == k && (k != "opaque" || len(parts) > 1 && parts[1] == "memory_migrations") {
				want++
			}
		}
	}
	if rep.LeftN != 0 || rep.Gone != uint64(want) || want == 0 || rep.Removed == 0 {
		t.Errorf("removed %d, gone %d of %d, left %v", rep.Removed, rep.Gone, want, rep.Left)
	}
}

// What was in a table that somebody dropped is gone, and the rest is taken out, even where it stands beside a table that
// mem0 makes when it opens the file. An undo makes no table.
func TestUndoOfADroppedTable(t *testing.T) {
	for name, c := range map[string]struct {
		sample, file, table, beside string
		kinds                       []string
	}{
		"messages":           {"js", "history.db", "messages", "memory_history", []string{"message"}},
		"messages of Python": {"python", "history.db", "messages", "history", []string{"message"}},
		"memory_history":     {"js", "history.db", "memory_history", "messages", []string{"revision"}},
		"history":            {"python", "history.db", "history", "messages", []string{"revision"}},
		"memory_migrations":  {"js", "vector_store.db", "memory_migrations", "vectors", []string{"opaque"}},
	} {
		t.Run(name, func(t *testing.T) {
			mem, _ := drivertest.Export(t, Open("testdata/"+c.sample))
			dst := Open(filepath.Join(t.TempDir(), "new"))
			dst.flavor = c.sample
			_, journal := apply(t, dst, mem)
			file := filepath.Join(dst.root, c.file)
			sqlOf(t, file, "DROP TABLE "+c.table)
			goneAre(t, undo(t, dst, journal), mem, c.kinds...)
			db := opens(t, file)
			if n := rowsOf(t, db, "SELECT count(*) FROM "+c.beside); n[0][0] != int64(0) {
				t.Errorf("%v rows are left in %s", n, c.beside)
			}
			if n := rowsOf(t, db, "SELECT 1 FROM sqlite_master WHERE name = '"+c.table+"'"); len(n) > 0 {
				t.Errorf("%s was made again", c.table)
			}
		})
	}
}

// TestUndoUnderAReader: the first commit is refused where somebody reads the file.
func TestUndoUnderAReader(t *testing.T) {
	mem, _ := drivertest.Export(t, Open("testdata/js"))
	for file, first := range map[string]bool{"history.db": true, "vector_store.db": false} {
		dst := Open(filepath.Join(t.TempDir(), "new"))
		dst.flavor, dst.wait = "js", 50*time.Millisecond
		sqlitetest.UnderAReader(t, dst, mem, filepath.Join(dst.root, file), first)
	}
}

// So it is in PostgreSQL, and in a file of the history beside it.
func TestUndoOfADroppedTableOfPostgres(t *testing.T) {
	for name, c := range map[string]struct {
		drop, file string
		kinds      []string
	}{
		"memory_migrations": {drop: "memory_migrations", kinds: []string{"opaque"}},
		"collections":       {drop: "memories, memories_entities", kinds: []string{"memory", "embedding", "entity"}},
		"memory_history":    {file: "memory_history", kinds: []string{"revision"}},
		"messages":          {file: "messages", kinds: []string{"message"}},
	} {
		t.Run(name, func(t *testing.T) {
			from := database(t, "pgvector-js.sql")
			pgtest.Exec(t, from, "INSERT INTO memory_migrations (user_id) VALUES ('ours')")
			mem, _ := drivertest.Export(t, store(t, from, "testdata/pgvector-js.db"))
			u := database(t, "")
			history := filepath.Join(t.TempDir(), "history.db")
			dst := store(t, u, history)
			_, journal := apply(t, dst, mem)
			if c.drop != "" {
				pgtest.Exec(t, u, "DROP TABLE "+c.drop)
			} else {
				sqlOf(t, history, "DROP TABLE "+c.file)
			}
			goneAre(t, undo(t, dst, journal), mem, c.kinds...)
			for _, table := range []string{"memories", "memories_entities", "memory_migrations"} {
				pgtest.Exec(t, u, "DO $$ DECLARE n int; BEGIN IF to_regclass('"+table+"') IS NOT NULL THEN SELECT count(*) INTO n FROM "+table+"; ASSERT n = 0; END IF; END $$")
			}
			if c.drop != "" {
				pgtest.Exec(t, u, "DO $$ BEGIN ASSERT to_regclass(split_part('"+c.drop+"', ',', 1)) IS NULL; END $$")
			}
		})
	}
}
