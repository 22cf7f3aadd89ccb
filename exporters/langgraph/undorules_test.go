package langgraph

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile/sqlitetest"
)

// TestUndoAgainstRules: an owner's keys between the library's own tables keep nothing in. What another table needs stays, and all
// with it, whether that is asked at each row or at the end of the transaction; once it is gone the same undo takes all out.
func TestUndoAgainstRules(t *testing.T) {
	const deferred = " DEFERRABLE INITIALLY DEFERRED"
	for name, when := range map[string]string{"at each row": "", "at the end": deferred, "a trigger at the end": "trigger"} {
		t.Run(name, func(t *testing.T) {
			dst := storeNamed(t, "python.pg.sql").load(t)
			m, _ := drivertest.Export(t, dst)
			change(t, dst, "TRUNCATE checkpoints, checkpoint_writes, checkpoint_blobs, store")
			none := tableRows(t, dst)
			key, late := strings.TrimPrefix(when, "trigger"), `CREATE TABLE notes (prefix text, key text, FOREIGN KEY (prefix, key) REFERENCES store`+when+`);
				INSERT INTO notes SELECT prefix, key FROM store WHERE key = 'mem-2'`
			if when == "trigger" {
				key, late = deferred, `CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 's3cret'; END $$;
					CREATE CONSTRAINT TRIGGER stays AFTER DELETE ON store DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION stays()`
			}
			j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			rep, err := replay.Apply(t.Context(), dst, m, &replay.Options{Journal: j})
			if err != nil || rep.Actions[replay.Refused] > 0 {
				t.Fatalf("%v %v", err, rep.Actions)
			}
			change(t, dst, `ALTER TABLE checkpoint_writes ADD CONSTRAINT of_one FOREIGN KEY (thread_id, checkpoint_ns, checkpoint_id) REFERENCES checkpoints`+key)
			change(t, dst, late)
			all := tableRows(t, dst)
			if u, err := replay.Undo(t.Context(), dst, j); !errors.Is(err, replay.ErrRule) || !errors.Is(err, replay.ErrUntouched) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%+v %v", u, err)
			} else {
				t.Log(err)
			}
			if d := gocmp.Diff(all, tableRows(t, dst)); d != "" {
				t.Errorf("a refused undo (-want +got):\n%s", d)
			}
			change(t, dst, "DROP TABLE IF EXISTS notes; DROP TRIGGER IF EXISTS stays ON store")
			u, err := replay.Undo(t.Context(), dst, j)
			if err != nil || u.LeftN > 0 || u.Gone > 0 {
				t.Errorf("undo: %v %+v", err, u)
			}
			if d := gocmp.Diff(none, tableRows(t, dst)); d != "" {
				t.Errorf("an undo leaves (-want +got):\n%s", d)
			}
		})
	}
}

// TestUndoUnderAReader: the commit is refused where somebody reads the file.
func TestUndoUnderAReader(t *testing.T) {
	m, _ := drivertest.Export(t, SQLite(sample(t, "python.sqlite")))
	path := filepath.Join(t.TempDir(), "copy.sqlite")
	dst := SQLite(path)
	dst.wait = 50 * time.Millisecond
	sqlitetest.UnderAReader(t, dst, m, path, true)
}

// TestOwnersKeys: an owner's key from the writes to their checkpoints, to take both out at once, or from the checkpoints to their
// parents, keeps nothing out.
func TestOwnersKeys(t *testing.T) {
	const written = "ALTER TABLE checkpoint_writes ADD CONSTRAINT of_one FOREIGN KEY (thread_id, checkpoint_ns, checkpoint_id) REFERENCES checkpoints ON DELETE CASCADE"
	const parents = "ALTER TABLE checkpoints ADD CONSTRAINT parents FOREIGN KEY (thread_id, checkpoint_ns, parent_checkpoint_id) REFERENCES checkpoints"
	for _, from := range []string{"python.pg.sql", "python.sqlite"} {
		m, _ := drivertest.Export(t, storeNamed(t, from).load(t))
		for _, keys := range []string{written, parents, written + ";" + parents + " DEFERRABLE INITIALLY DEFERRED"} {
			dst := storeNamed(t, "python.pg.sql").load(t)
			change(t, dst, "TRUNCATE checkpoints, checkpoint_writes, checkpoint_blobs, store; "+keys)
			plan := actions(apply(t, dst, m, true))
			if got := actions(apply(t, dst, m, false)); got["create"] < 100 || got["refuse"] != plan["refuse"] {
				t.Errorf("%s, %s: %v, planned %v", from, keys, got, plan)
			}
		}
	}
}

// TestUndoAfterDropOfTwo: where somebody dropped the tables that the others stand beside, what the run wrote into the others is
// there, and goes.
func TestUndoAfterDropOfTwo(t *testing.T) {
	for _, from := range []string{"python.sqlite", "js.sqlite", "python.pg.sql", "python.pgvector.sql"} {
		m, _ := drivertest.Export(t, storeNamed(t, from).load(t))
		dst, writes := SQLite(filepath.Join(t.TempDir(), "new")), "writes"
		if strings.HasSuffix(from, ".sql") {
			dst, writes = postgres(t, pgtest.Database(t)), "checkpoint_writes"
		}
		_, j := drivertest.Apply(t, dst, m)
		before := tableRows(t, dst)
		cascade := ""
		if dst.server != nil {
			cascade = " CASCADE"
		}
		change(t, dst, "DROP TABLE checkpoints"+cascade+"; DROP TABLE IF EXISTS store"+cascade)
		u, err := replay.Undo(t.Context(), dst, j)
		if err != nil || u.Gone == 0 || u.Removed == 0 {
			t.Errorf("%s: %+v %v", from, u, err)
		}
		after := tableRows(t, dst)
		if len(before[writes]) == 0 || len(after[writes])+len(after["checkpoint_blobs"]) > 0 {
			t.Errorf("%s: %d writes and %d values are still there", from, len(after[writes]), len(after["checkpoint_blobs"]))
		}
	}
}

// TestUndoAfterNewColumn: where a later release of the library has added a column since, the rows are still the run's, unless
// something is in it.
func TestUndoAfterNewColumn(t *testing.T) {
	m, _ := drivertest.Export(t, SQLite(sample(t, "python.sqlite")))
	for name, c := range map[string]struct {
		made      func(t *testing.T) *Store
		add, note string
	}{
		"sqlite": {
			func(t *testing.T) *Store { return SQLite(filepath.Join(t.TempDir(), "new")) },
			"ALTER TABLE writes ADD COLUMN task_path TEXT NOT NULL DEFAULT ''", "UPDATE writes SET task_path = 'a' WHERE rowid = 1",
		},
		"postgres": {
			func(t *testing.T) *Store { return postgres(t, pgtest.Database(t)) },
			"ALTER TABLE checkpoint_writes ADD COLUMN more TEXT NOT NULL DEFAULT ''; ALTER TABLE checkpoint_writes ADD COLUMN later INT",
			"UPDATE checkpoint_writes SET later = 1 WHERE ctid = (SELECT min(ctid) FROM checkpoint_writes)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, used := range []bool{false, true} {
				dst := c.made(t)
				_, j := drivertest.Apply(t, dst, m)
				change(t, dst, c.add)
				if used {
					change(t, dst, c.note)
				}
				if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.Removed == 0 || (u.LeftN > 0) != used {
					t.Errorf("used %v: %+v %v", used, u, err)
				}
			}
		})
	}
}

// TestUndoAfterDrop: where somebody dropped all that the runtime had, an undo finds that its rows are gone.
func TestUndoAfterDrop(t *testing.T) {
	m, _ := drivertest.Export(t, SQLite("testdata/python.sqlite"))
	for name, c := range map[string]struct {
		made func(t *testing.T) *Store
		drop string
	}{
		"sqlite":   {func(t *testing.T) *Store { return SQLite(filepath.Join(t.TempDir(), "new")) }, ""},
		"tables":   {func(t *testing.T) *Store { return SQLite(filepath.Join(t.TempDir(), "new")) }, "DROP TABLE checkpoints; DROP TABLE writes; DROP TABLE store_vectors; DROP TABLE store"},
		"postgres": {func(t *testing.T) *Store { return postgres(t, pgtest.Database(t)) }, "DROP SCHEMA public CASCADE; CREATE SCHEMA public"},
	} {
		t.Run(name, func(t *testing.T) {
			dst := c.made(t)
			_, j := drivertest.Apply(t, dst, m)
			if c.drop != "" {
				change(t, dst, c.drop)
			} else if err := os.Remove(dst.path); err != nil {
				t.Fatal(err)
			}
			if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.Gone == 0 || u.Removed > 0 || u.LeftN > 0 {
				t.Errorf("%+v %v", u, err)
			}
			if c.drop == "" && !sqlitefile.Missing(dst.path) {
				t.Error("the undo made a database")
			}
		})
	}
}
