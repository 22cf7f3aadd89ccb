package langgraph

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
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
			if u, err := replay.Undo(t.Context(), dst, j); !errors.Is(err, replay.ErrRule) || strings.Contains(err.Error(), "s3cret") {
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

// TestKeyBetweenTables: an owner's key from the writes to their checkpoints, to take both out at once, keeps nothing out.
func TestKeyBetweenTables(t *testing.T) {
	for _, from := range []string{"python.pg.sql", "python.sqlite"} {
		dst := storeNamed(t, "python.pg.sql").load(t)
		m, _ := drivertest.Export(t, storeNamed(t, from).load(t))
		change(t, dst, `TRUNCATE checkpoints, checkpoint_writes, checkpoint_blobs, store;
			ALTER TABLE checkpoint_writes ADD CONSTRAINT of_one FOREIGN KEY (thread_id, checkpoint_ns, checkpoint_id) REFERENCES checkpoints ON DELETE CASCADE`)
		plan := actions(apply(t, dst, m, true))
		if got := actions(apply(t, dst, m, false)); got["create"] < 100 || got["refuse"] != plan["refuse"] {
			t.Errorf("%s: %v, planned %v", from, got, plan)
		}
	}
}
