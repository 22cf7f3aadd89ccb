package mem0

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// An application may make a column in mem0's tables after a replay, and keep something in it. The undo takes out what
// is the run's alone, and leaves and names the row in which something is.
func TestUndoBesideColumns(t *testing.T) {
	for name, c := range map[string]struct{ sample, file, table string }{
		"vectors":        {"js", "vector_store.db", "vectors"},
		"memory_history": {"js", "history.db", "memory_history"},
		"messages":       {"js", "history.db", "messages"},
		"points":         {"python", "qdrant/collection/mem0/storage.sqlite", "points"},
		"history":        {"python", "history.db", "history"},
	} {
		t.Run(name, func(t *testing.T) {
			mem, _ := drivertest.Export(t, Open("testdata/"+c.sample))
			dst := Open(filepath.Join(t.TempDir(), "new"))
			_, journal := apply(t, dst, mem)
			file := filepath.Join(dst.root, filepath.FromSlash(c.file))
			sqlOf(t, file, "ALTER TABLE "+c.table+` ADD COLUMN "te am" TEXT`, "UPDATE "+c.table+` SET "te am" = 'ours' WHERE rowid = (SELECT min(rowid) FROM `+c.table+")")
			leftOne(t, undo(t, dst, journal), "a column that mem0 does not make")
			if n := rowsOf(t, opens(t, file), "SELECT count(*), min(\"te am\") FROM "+c.table); n[0][0] != int64(1) || n[0][1] != "ours" {
				t.Errorf("%v rows are left", n)
			}
		})
	}
}

// leftOne wants one row to be left, for the reason why.
func leftOne(t *testing.T, rep *replay.UndoReport, why string) {
	t.Helper()
	rows := map[string]bool{}
	for _, rc := range rep.Left {
		_, parts := agentstate.SplitKey(rc.Target)
		if rows[strings.Join(parts, "/")] = true; !strings.Contains(rc.Why, why) && rc.Target != "opaque/meta.json" {
			t.Errorf("%s: %s", rc.Target, rc.Why)
		}
	}
	if delete(rows, "meta.json"); len(rows) != 1 || rep.Removed == 0 {
		t.Errorf("removed %d, left %v", rep.Removed, rep.Left)
	}
}

// So it is in PostgreSQL, where a column may have a value in each row.
func TestUndoBesideColumnsOfPostgres(t *testing.T) {
	u := database(t, "pgvector-js.sql")
	mem, _ := drivertest.Export(t, store(t, u, "testdata/pgvector-js.db"))
	pgtest.Exec(t, u, "TRUNCATE memories, memories_entities")
	dst := store(t, u, filepath.Join(t.TempDir(), "history.db"))
	_, journal := apply(t, dst, mem)
	pgtest.Exec(t, u, `ALTER TABLE memories ADD COLUMN "te am" text`, `UPDATE memories SET "te am" = 'ours' WHERE id = (SELECT min(id::text)::uuid FROM memories)`)
	leftOne(t, undo(t, dst, journal), "a column that mem0 does not make")
}

// A row of an application that leads to a memory of a run does not go with it.
func TestUndoWithChildrenOfPostgres(t *testing.T) {
	u := database(t, "pgvector-js.sql")
	mem, _ := drivertest.Export(t, store(t, u, "testdata/pgvector-js.db"))
	pgtest.Exec(t, u, "TRUNCATE memories, memories_entities")
	dst := store(t, u, filepath.Join(t.TempDir(), "history.db"))
	_, journal := apply(t, dst, mem)
	pgtest.Exec(t, u, "CREATE TABLE stars (memory uuid REFERENCES memories (id) ON DELETE CASCADE)", "INSERT INTO stars SELECT min(id::text)::uuid FROM memories")
	leftOne(t, undo(t, dst, journal), "rows of table stars lead to it")
	pgtest.Exec(t, u, "DO $$ BEGIN ASSERT (SELECT count(*) FROM stars) = 1; END $$")
}

// A history of an older release with a column of an application is read, and the column is named.
func TestOlderHistoryBesideColumns(t *testing.T) {
	dir := copied(t, "python")
	_, was := drivertest.Export(t, Open(dir))
	sqlOf(t, dir+"/history.db", "ALTER TABLE history RENAME TO today", "CREATE TABLE history (id TEXT PRIMARY KEY, memory_id TEXT, prev_value TEXT, new_value TEXT, event TEXT, timestamp DATETIME, is_deleted INTEGER, feedback TEXT)",
		"INSERT INTO history SELECT id, memory_id, old_memory, new_memory, event, created_at, is_deleted, 'good' FROM today", "DROP TABLE today")
	mem, rep := drivertest.Export(t, Open(dir))
	if len(rep.Gaps) != 1 || !strings.Contains(rep.Gaps[0].Detail, `column "feedback" of history`) || rep.Records["revision"] != was.Records["revision"] {
		t.Fatalf("%v", rep.Gaps)
	}
	dst := Open(filepath.Join(t.TempDir(), "new"))
	dst.flavor = "python"
	_, j := drivertest.Apply(t, dst, mem)
	if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 {
		t.Errorf("%+v %v", back, err)
	}
}
