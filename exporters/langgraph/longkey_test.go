package langgraph

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestLongKeys: PostgreSQL holds a key in its indexes, SQLite has no such limit. What is too long is refused alone, with
// what hangs on it; what the server can pack arrives, and so does the rest.
func TestLongKeys(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, false, "DELETE FROM checkpoints WHERE thread_id = 't-encrypted'", "DELETE FROM writes WHERE thread_id = 't-encrypted'", `INSERT INTO store (prefix, key, value) VALUES ('long', 'packed' || replace(hex(zeroblob(5000)), '00', 'ab'), CAST('{}' AS BLOB)),
			('long', 'random' || hex(randomblob(1500)), CAST('{}' AS BLOB)), ('long', 'longer' || hex(randomblob(4500)), CAST('{}' AS BLOB)), ('long', 'short', CAST('{}' AS BLOB))`,
		`INSERT INTO store_vectors (prefix, key, field_name, embedding) SELECT s.prefix, s.key, v.field_name, v.embedding FROM store s, (SELECT * FROM store_vectors LIMIT 1) v WHERE s.prefix = 'long'`,
		`CREATE TEMP TABLE long AS SELECT 'thread' || hex(randomblob(4500)) AS id`,
		`INSERT INTO checkpoints SELECT long.id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints, long WHERE thread_id = 't-interrupt'`,
		`INSERT INTO writes SELECT long.id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, value FROM writes, long WHERE thread_id = 't-interrupt'`)
	m, _ := drivertest.Export(t, SQLite(p))
	u := pgtest.Database(t)
	dst := postgres(t, u)
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	got := map[string]string{} // kind, and which of the long ones → what became of all such
	if _, err := replay.Apply(t.Context(), dst, m, &replay.Options{Journal: j, OnReceipt: func(rc replay.Receipt) {
		kind, which, _ := strings.Cut(rc.Key, "/")
		for _, name := range []string{"packed", "random", "longer", "short", "thread"} {
			if !strings.HasPrefix(which, "long/"+name) && !strings.HasPrefix(which, name) || rc.Action == replay.Skipped {
				continue
			}
			what := rc.Action.String()
			switch {
			case strings.Contains(rc.Why, "SQLSTATE 54000"):
				what = "too long"
			case strings.Contains(rc.Why, "its checkpoint was refused"), strings.Contains(rc.Why, "its item was not written"):
				what = "hangs on it"
			}
			if had := got[name+" "+kind]; had != "" && had != what {
				what = had + ", " + what
			}
			got[name+" "+kind] = what
			return
		}
		if rc.Action != replay.Created && rc.Action != replay.Skipped {
			t.Errorf("%.80s: %v, %s", rc.Key, rc.Action, rc.Why)
		}
	}}); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"packed memory": "create", "packed embedding": "create", "short memory": "create", "short embedding": "create", "random memory": "too long", "random embedding": "hangs on it",
		"longer memory": "too long", "longer embedding": "hangs on it", "thread checkpoint": "too long", "thread channelvalue": "too long", "thread pendingwrite": "hangs on it",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	back, err := replay.ReadBack(t.Context(), m, dst, j)
	if err != nil || back.MissingN > 0 || len(back.Unannounced) > 0 {
		t.Errorf("%v, %+v", err, back)
	}

	pgtest.Exec(t, u, "CREATE INDEX own ON store (value)", "DELETE FROM store WHERE key = 'short'")
	again := sample(t, "python.sqlite")
	run(t, again, false, `INSERT INTO store (prefix, key, value) VALUES ('long', 'short', CAST('{"text":"' || hex(randomblob(1500)) || '"}' AS BLOB))`)
	m, _ = drivertest.Export(t, SQLite(again))
	for _, rc := range apply(t, dst, m, false) {
		what := rc.Action
		if strings.HasPrefix(rc.Key, "memory/long/short") {
			if what != replay.Refused || !strings.Contains(rc.Why, `"own"`) || !strings.Contains(rc.Why, "drop it first") {
				t.Errorf("behind an index of the owner's: %v %s", what, rc.Why)
			}
		} else if strings.HasPrefix(rc.Key, "memory/users") && what != replay.Same {
			t.Errorf("%.80s: %v %s", rc.Key, what, rc.Why)
		}
	}
}

// TestSavepointsEnd: a long key that is refused leaves no savepoint behind, whatever refuses it: those that are open slow
// down all that follows.
func TestSavepointsEnd(t *testing.T) {
	dst := postgres(t, pgtest.Database(t))
	d, err := openPostgresDest(t.Context(), dst.server, false)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for _, says := range []error{nil, refuse("a trigger"), pgsnapshot.ErrLimit} {
		err := d.apart(t.Context(), &table{}, pgsnapshot.SureKey+1, false, func() error { return says })
		var no refusal
		if (says == nil) != (err == nil) || says != nil && !errors.As(err, &no) {
			t.Errorf("%v: %v", says, err)
		}
	}
	if err := d.exec(t.Context(), "RELEASE SAVEPOINT exitramp_apart"); err == nil || !strings.Contains(err.Error(), "3B001") {
		t.Errorf("a savepoint is left: %v", err)
	}
}
