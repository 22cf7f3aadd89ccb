package langgraph

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestRefusedLast: where the database itself refuses the newest checkpoint of a thread, the one before is not called the newest
// it has: the question there was answered, and does not look open again. What the database says comes last, and others are
// written with it.
func TestRefusedLast(t *testing.T) {
	const newest = `(SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = 't-interrupt' AND checkpoint_ns = '')`
	for _, c := range []struct{ name, id, rule, why string }{
		{"a key that is too long", `'z' || hex(randomblob(4500))`, "", "SQLSTATE 54000"},
		{"a trigger of a partition", `'zrefused'`, `CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.checkpoint_id = 'zrefused' THEN RETURN NULL; END IF; RETURN NEW; END $$;
			CREATE TRIGGER pass BEFORE INSERT ON checkpoints_0 FOR EACH ROW EXECUTE FUNCTION pass()`, "trigger"},
		{"a unique index of a partition", `'zrefused'`, "INSERT INTO checkpoints_0 (thread_id, checkpoint_id, checkpoint, metadata) VALUES ('other', 'zrefused', '{}', '{}'); CREATE UNIQUE INDEX once ON checkpoints_0 (checkpoint_id)", "unique"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := sample(t, "python.sqlite")
			run(t, p, false, "DELETE FROM checkpoints WHERE thread_id <> 't-interrupt'", "DELETE FROM writes WHERE thread_id <> 't-interrupt'", "DELETE FROM store", "DELETE FROM store_vectors",
				`INSERT INTO checkpoints SELECT thread_id, checkpoint_ns, `+c.id+`, checkpoint_id, type, checkpoint, metadata FROM checkpoints WHERE thread_id = 't-interrupt' AND checkpoint_ns = '' AND checkpoint_id = `+newest)
			m, _ := drivertest.Export(t, SQLite(p))
			u := pgtest.Database(t)
			load(t, u, "python.pg.sql")
			dst := postgres(t, u)
			change(t, dst, "TRUNCATE checkpoints, checkpoint_blobs, checkpoint_writes")
			if c.rule != "" {
				change(t, dst, `ALTER TABLE checkpoints RENAME TO was; CREATE TABLE checkpoints (LIKE was INCLUDING ALL) PARTITION BY HASH (thread_id); DROP TABLE was;
					CREATE TABLE checkpoints_0 PARTITION OF checkpoints FOR VALUES WITH (MODULUS 1, REMAINDER 0)`)
				change(t, dst, c.rule)
			}
			j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			refused, asked := 0, 0
			if _, err := replay.Apply(t.Context(), dst, drivertest.InOrder{State: m}, &replay.Options{Journal: j, OnReceipt: func(rc replay.Receipt) {
				switch {
				case strings.HasPrefix(rc.Key, "checkpoint/t-interrupt//z"):
					if refused++; rc.Action != replay.Refused || !strings.Contains(rc.Why, c.why) {
						t.Errorf("%.80s: %v %s", rc.Key, rc.Action, rc.Why)
					}
				case strings.HasPrefix(rc.Key, "pendingwrite/") && rc.Action != replay.Created:
					t.Log(rc.Why)
					asked++
				}
			}}); err != nil {
				t.Fatal(err)
			}
			if n := pgtest.Rows(t, u, "SELECT count(*) FROM checkpoint_writes WHERE channel = '__interrupt__'"); refused != 1 || asked == 0 || n[0] != "0" {
				t.Errorf("%d refused, %d writes not written, questions open: %v", refused, asked, n)
			}
		})
	}
}

// TestBrokenTrip: an error names the record that it is about, also where one before it has asked twice and waits for its answer.
func TestBrokenTrip(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, false, "DELETE FROM checkpoints", "DELETE FROM writes", "DELETE FROM store_vectors", "DELETE FROM store",
		`INSERT INTO store (prefix, key, value) VALUES ('a', 'there', CAST('{}' AS BLOB)), ('b', 'nowhere', CAST('{}' AS BLOB)), ('c', 'last', CAST('{}' AS BLOB))`)
	m, _ := drivertest.Export(t, SQLite(p))
	u := pgtest.Database(t)
	load(t, u, "python.pg.sql")
	pgtest.Exec(t, u, `ALTER TABLE store ADD COLUMN own int GENERATED ALWAYS AS (1 / (CASE WHEN key = 'nowhere' THEN 0 ELSE 1 END)) STORED; INSERT INTO store (prefix, key, value) VALUES ('a', 'there', '{"x":1}')`)
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	_, err = replay.Apply(t.Context(), postgres(t, u), drivertest.InOrder{State: m}, &replay.Options{Journal: j})
	if err == nil || !strings.Contains(err.Error(), "memory/b/nowhere") || strings.Contains(err.Error(), "memory/a") || strings.Contains(err.Error(), "memory/c") {
		t.Error(err)
	}
}
