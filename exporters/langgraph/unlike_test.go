package langgraph

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A value that the other database has no form for, or that the library cannot write there again, says so itself
// and not only the checkpoints that hold it.
func TestUnlikeValues(t *testing.T) {
	p := sample(t, "python.sqlite")
	db := run(t, p, true)
	rows, err := db.Query("SELECT checkpoint_id, checkpoint FROM checkpoints WHERE thread_id = 't-types'")
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string][]byte{}
	for rows.Next() {
		var id string
		var doc []byte
		if err := rows.Scan(&id, &doc); err != nil {
			t.Fatal(err)
		}
		doc = bytes.ReplaceAll(doc, []byte("Z\u00fcrich"), []byte("Z\x00-rich"))
		docs[id] = bytes.ReplaceAll(doc, []byte("\xa7v_float\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), []byte("\xa7v_float\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"))
	}
	rows.Close()
	for id, doc := range docs {
		if _, err := db.Exec("UPDATE checkpoints SET checkpoint = ? WHERE checkpoint_id = ?", doc, id); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	for name, c := range map[string]struct {
		from *Store
		to   func(t *testing.T) *Store
		want map[string]string // by channel
	}{
		"into SQLite": {
			storeNamed(t, "python.pg.sql").load(t), func(t *testing.T) *Store { return SQLite(filepath.Join(t.TempDir(), "new.sqlite")) },
			map[string]string{"v_bytearray": values.NoBytearray, "v_float_big": values.NoLong},
		},
		"into PostgreSQL": {
			SQLite(p), func(t *testing.T) *Store { return postgres(t, pgtest.Database(t)) },
			map[string]string{"v_str": "text that holds NUL" + notAgain, "v_float": "NaN or infinity" + notAgain},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := drivertest.Export(t, c.from)
			dst := c.to(t)
			got := map[string]string{}
			for _, rc := range apply(t, dst, m, true) {
				for _, l := range rc.Losses {
					if strings.HasPrefix(rc.Key, "channelvalue/t-types/") && l.Path == "value" && l.Grade == fidelity.Transformed {
						got[strings.Split(rc.Key, "/")[3]] = l.Why
					}
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			asSaid(t, m, dst)
		})
	}
}

// Old releases of Python's library wrote values in JSON, with objects that msgpack has no form for. A document of such
// values alone is JSON, too.
func TestValuesOfOldReleases(t *testing.T) {
	const old = `UPDATE checkpoint_blobs SET type = 'json', blob = convert_to('{"lc":2,"type":"constructor","id":["builtins","set"],"method":null,"args":[[1]],"kwargs":{}}', 'UTF8') WHERE thread_id = 't-done' AND `
	for name, c := range map[string]struct {
		which string
		want  int // checkpoints that are refused
	}{"all": {"type <> 'null'", 0}, "beside msgpack": {"type = 'msgpack' AND channel = 'messages'", 1}} {
		t.Run(name, func(t *testing.T) {
			src := storeNamed(t, "python.pg.sql").load(t)
			change(t, src, old+c.which)
			m, _ := drivertest.Export(t, src)
			dst := SQLite(filepath.Join(t.TempDir(), "new.sqlite"))
			n := 0
			for _, rc := range apply(t, dst, m, true) {
				if strings.HasPrefix(rc.Key, "checkpoint/t-done/") && rc.Action == replay.Refused {
					n = 1
				}
			}
			if n != c.want {
				t.Errorf("%d refused, want %d", n, c.want)
			}
			asSaid(t, m, dst)
		})
	}
}

// The two stores read one JSON in two ways: what comes of a long number is said.
func TestLongNumberOfAnItem(t *testing.T) {
	src := storeNamed(t, "python.pg.sql").load(t)
	change(t, src, `UPDATE store SET value = '{"n": 1e30}' WHERE key = 'mem-1'`)
	m, _ := drivertest.Export(t, src)
	var got []string
	for _, rc := range apply(t, SQLite(filepath.Join(t.TempDir(), "new.sqlite")), m, true) {
		for _, l := range rc.Losses {
			if l.Path == "data" && l.Grade == fidelity.Transformed {
				got = append(got, rc.Key)
			}
		}
	}
	if d := cmp.Diff([]string{"memory/users.u-1.memories/mem-1", "memory/users.u-2/mem-1"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// JavaScript's SQLite keeps the thread 7 as 7.0 where a program gives a number, PostgreSQL as 7: a program that goes on
// giving a number finds nothing, and is told before.
func TestNumbersAsThreads(t *testing.T) {
	for name, c := range map[string]struct {
		from *Store
		to   func(t *testing.T) *Store
		want []string // threads
	}{
		"into PostgreSQL": {SQLite(sample(t, "js.sqlite")), func(t *testing.T) *Store { return postgres(t, pgtest.Database(t)) }, []string{"7.0"}},
		"into SQLite":     {storeNamed(t, "js.pg.sql").load(t), func(t *testing.T) *Store { return SQLite(filepath.Join(t.TempDir(), "new.sqlite")) }, []string{"7"}},
	} {
		t.Run(name, func(t *testing.T) {
			for from, to := range map[string]string{"thread-done": "7.0", "thread-pending": "7"} {
				for _, table := range []string{"checkpoints", "writes", "checkpoint_blobs", "checkpoint_writes"} {
					if strings.Contains(table, "_") == (name == "into SQLite") || table == "checkpoints" {
						change(t, c.from, "UPDATE "+table+" SET thread_id = '"+to+"' WHERE thread_id = '"+from+"'")
					}
				}
			}
			m, _ := drivertest.Export(t, c.from)
			dst := c.to(t)
			var got []string
			for _, rc := range apply(t, dst, m, true) {
				for _, l := range rc.Losses {
					if l.Path == "conversation_key" {
						got = append(got, strings.Split(rc.Key, "/")[1])
					}
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			asSaid(t, m, dst)
		})
	}
}

// A node may change a value in place, without a new version: SQLite's newest document has the change. PostgreSQL
// has one row for a version, so there the changed value has a version of its own, for its checkpoint alone.
func TestChangedInPlace(t *testing.T) {
	p := sample(t, "python.sqlite")
	db := run(t, p, true)
	const head = "thread_id = 't-done' AND checkpoint_ns = '' AND checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = 't-done' AND checkpoint_ns = '')"
	var doc []byte
	if err := db.QueryRow("SELECT checkpoint FROM checkpoints WHERE " + head).Scan(&doc); err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(doc, []byte("\xa5ratio\xcb\x3f\xf0"), []byte("\xa5ratio\xcb\x40\x00"), 1)
	if bytes.Equal(doc, changed) {
		t.Fatal("nothing was changed")
	}
	if _, err := db.Exec("UPDATE checkpoints SET checkpoint = ? WHERE "+head, changed); err != nil {
		t.Fatal(err)
	}
	db.Close()
	m, _ := drivertest.Export(t, SQLite(p))
	dst := postgres(t, pgtest.Database(t))
	asSaid(t, m, dst)
	got, _ := drivertest.Export(t, dst)
	with := map[string]bool{} // values that have the change
	for _, r := range records(t, got) {
		if v, ok := r.(*pb.ChannelValue); ok && v.Channel == "ratio" && bytes.HasPrefix(v.Value.GetInline(), []byte("\xcb\x40\x00")) {
			with[v.Meta.Key] = true
		}
	}
	var holders []string
	for _, r := range records(t, got) {
		if c, ok := r.(*pb.Checkpoint); ok && slices.ContainsFunc(c.Channels, func(r *pb.ChannelRef) bool { return with[r.ValueKey] }) {
			holders = append(holders, c.Meta.Key)
		}
	}
	newest := get[*pb.Conversation](t, got, "conversation/t-done").Meta.ViewOfKeys[:1]
	if d := cmp.Diff(newest, holders); d != "" {
		t.Errorf("checkpoints that show the change (-want +got):\n%s", d)
	}
}

// JavaScript has no JSON for a function, and PostgreSQL keeps nothing for it, which nothing can read. It must not
// break the document of SQLite; other text that is no JSON is refused.
func TestFunctionsAreNoValues(t *testing.T) {
	for text, want := range map[string]string{"''": "", "'{\"a\":'": notNewest} {
		t.Run(text, func(t *testing.T) {
			src := storeNamed(t, "js.pg.sql").load(t)
			change(t, src, "UPDATE checkpoint_blobs SET blob = "+text+" WHERE thread_id = 'thread-done' AND channel = 'big'")
			m, _ := drivertest.Export(t, src)
			dst := SQLite(filepath.Join(t.TempDir(), "new.sqlite"))
			asSaid(t, m, dst)
			got, _ := drivertest.Export(t, dst)
			n := 0
			for _, r := range records(t, got) {
				if c, ok := r.(*pb.Checkpoint); ok && c.ConversationKey == "conversation/thread-done" && len(c.Channels) > 0 {
					n++
				}
			}
			why := ""
			for _, rc := range apply(t, SQLite(filepath.Join(t.TempDir(), "again.sqlite")), m, true) {
				if rc.Action == replay.Refused && strings.HasPrefix(rc.Key, "checkpoint/thread-done/") {
					why = rc.Why
				}
			}
			if (n > 0) != (want == "") || !strings.HasPrefix(why, want) || want == "" && why != "" {
				t.Errorf("%d checkpoints of the thread arrived; refused for %q, want %q", n, why, want)
			}
		})
	}
}

// A store whose index keeps halves takes vectors of a store that does not, and says what they lose.
func TestVectorsBecomeHalves(t *testing.T) {
	dst := storeNamed(t, "python.pgvector.sql").load(t)
	needVector(t, dst)
	change(t, dst, "TRUNCATE store, checkpoints, checkpoint_blobs, checkpoint_writes CASCADE")
	change(t, dst, "DO $$ DECLARE i text; BEGIN FOR i IN SELECT indexname FROM pg_indexes WHERE tablename = 'store_vectors' AND indexdef LIKE '%vector_%_ops%' LOOP EXECUTE 'DROP INDEX ' || i; END LOOP; END $$")
	change(t, dst, "ALTER TABLE store_vectors ALTER COLUMN embedding TYPE halfvec(4)")
	p := sample(t, "python.sqlite")
	run(t, p, false, "UPDATE store_vectors SET embedding = x'cdcccc3dcdcccc3dcdcccc3dcdcccc3d'", // 0.1, and beyond halves
		"UPDATE store_vectors SET embedding = x'00247449cdcccc3dcdcccc3dcdcccc3d' WHERE rowid = (SELECT max(rowid) FROM store_vectors)")
	m, _ := drivertest.Export(t, SQLite(p))
	// Planned by itself, a vector comes before its item, and says what it loses all the same.
	w, err := dst.Begin(t.Context(), &replay.Run{ID: "run-1", DryRun: true, From: originOf(t, m), Source: resolver(m)})
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, r := range records(t, m) {
		if e, ok := r.(*pb.Embedding); ok {
			rc, err := w.Write(t.Context(), e)
			lossy := slices.ContainsFunc(rc.Losses, func(l fidelity.Loss) bool { return l.Path == "vector" })
			if err != nil || (rc.Action == replay.Refused) == lossy {
				t.Errorf("%s: %v %s, losses %v, error %v", rc.Key, rc.Action, rc.Why, rc.Losses, err)
			}
			if rc.Action == replay.Refused {
				refused++
			}
		}
	}
	w.Close()
	if refused != 1 {
		t.Errorf("%d vectors are refused, want the one that halves do not hold", refused)
	}
	asSaid(t, m, dst)
}
