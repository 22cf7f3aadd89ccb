package langgraph

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// oldSendsOn is a store of langgraph 0.4.8 on PostgreSQL: three tasks that Sends started wait at the newest
// checkpoint of each thread, which has version 3. In the thread failed one of them failed.
func oldSendsOn(t *testing.T, statements ...string) *Store {
	u := pgtest.Database(t)
	load(t, u, "oldsends.pg.sql")
	pgtest.Exec(t, u, statements...)
	return postgres(t, u)
}

// Sends that wait below version 4 stand in the writes of the parent in PostgreSQL. In SQLite the library reads them
// inside the document, in the order in which their tasks are counted.
func TestOldSendsToSQLite(t *testing.T) {
	m, _ := drivertest.Export(t, oldSendsOn(t))
	lite := SQLite(filepath.Join(t.TempDir(), "new.sqlite"))
	asSaid(t, m, lite)
	there, _ := drivertest.Export(t, lite)
	sent := func(of *memstate.State) map[string]string {
		out := map[string]string{}
		for _, r := range records(t, of) {
			if c, ok := r.(*pb.Conversation); ok {
				out[c.Meta.Key] = c.Status
			}
		}
		return out
	}
	if d := cmp.Diff(map[string]string{"conversation/failed": "failed", "conversation/paused": "unfinished"}, sent(there)); d != "" {
		t.Error(d)
	}
	const send = `{"$type":"langgraph.types.Send","value":["worker",{"i":`
	if got, want := waiting(t, lite), "["+send+"1}]},"+send+"2}]},"+send+"3}]}]"; got != want {
		t.Errorf("in the documents: %s, want %s", got, want)
	}
	back := postgres(t, pgtest.Database(t))
	asSaid(t, there, back)
	again, _ := drivertest.Export(t, back)
	if d := cmp.Diff(sends(t, m), sends(t, again)); d != "" {
		t.Errorf("there and back: %s", d)
	}
}

// waiting are the sends in the newest documents of threads, which have all the same.
func waiting(t *testing.T, s *Store) string {
	t.Helper()
	db := run(t, s.path, true)
	rows, err := db.Query("SELECT checkpoint FROM checkpoints c WHERE checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = c.thread_id)")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var doc []byte
		if err := rows.Scan(&doc); err != nil {
			t.Fatal(err)
		}
		// The document is a map, and so a value: what the list says is shown with it.
		text := string(values.JSON("msgpack", doc, 1<<20))
		_, list, _ := strings.Cut(text, `"pending_sends":`)
		out = append(out, strings.TrimSuffix(list, "}"))
	}
	if len(out) != 2 || out[0] != out[1] {
		t.Fatalf("%d documents: %q", len(out), out)
	}
	return out[0]
}

// sends are the keys of what waits, by checkpoint.
func sends(t *testing.T, m *memstate.State) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, r := range records(t, m) {
		for _, l := range r.GetMeta().GetLabels() {
			if l.Name == labelSends {
				out[r.GetMeta().Key] = append(out[r.GetMeta().Key], l.Value)
			}
		}
	}
	for key, keys := range out {
		if len(keys) != 3 || !slices.IsSorted(keys) {
			t.Errorf("%s: sends %q", key, keys)
		}
	}
	if len(out) != 2 {
		t.Errorf("%d checkpoints at which sends wait, want 2", len(out))
	}
	return out
}

// A thread whose sends cannot stand in a document does not arrive without them.
func TestOldSendsRefused(t *testing.T) {
	for change, want := range map[string]string{
		"UPDATE checkpoint_writes SET type = 'msgpack+aes' WHERE channel = '__pregel_tasks' AND idx = 4":                 "encrypted",
		"UPDATE checkpoint_writes SET type = 'msgpack+zlib' WHERE channel = '__pregel_tasks' AND idx = 4":                "a serializer of the program's own",
		"UPDATE checkpoint_writes SET type = 'pickle' WHERE channel = '__pregel_tasks' AND idx = 4":                      "of the type pickle",
		`UPDATE checkpoint_writes SET type = 'json', blob = '{"lc":2}' WHERE channel = '__pregel_tasks' AND idx = 4`:     "the JSON of an old release",
		"UPDATE checkpoints SET checkpoint = jsonb_set(checkpoint, '{channel_versions}', '{}') WHERE checkpoint_id > ''": "no channel has a version",
	} {
		t.Run(want, func(t *testing.T) {
			m, _ := drivertest.Export(t, oldSendsOn(t, change))
			n := 0
			for _, rc := range apply(t, SQLite(filepath.Join(t.TempDir(), "new.sqlite")), m, false) {
				if agentstate.KindOfKey(rc.Key) != "checkpoint" {
					continue
				}
				if rc.Action != replay.Refused || !strings.Contains(rc.Why, want) && !strings.Contains(rc.Why, "newest checkpoint") {
					t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
				}
				if strings.Contains(rc.Why, want) {
					n++
				}
			}
			if n == 0 {
				t.Errorf("no refusal says %q", want)
			}
		})
	}
}

// An application's own metadata of a checkpoint may have any name, and says nothing of sends.
func TestSendsInMetadata(t *testing.T) {
	u := pgtest.Database(t)
	load(t, u, "python.pg.sql")
	plain, _ := drivertest.Export(t, postgres(t, u))
	pgtest.Exec(t, u, `UPDATE checkpoints SET metadata = metadata || '{"sends_in_parent": "x", "sends_of_parent_settled": "y", "sends_not_in_parent": "z"}'`)
	m, _ := drivertest.Export(t, postgres(t, u))
	lite := func() *Store { return SQLite(filepath.Join(t.TempDir(), "new.sqlite")) }
	if d := cmp.Diff(actions(apply(t, lite(), plain, false)), actions(apply(t, lite(), m, false))); d != "" {
		t.Errorf("(-without +with the metadata):\n%s", d)
	}
}

// JavaScript's first releases wrote version 1. Their saver in SQLite reads what waits inside the document, the later ones
// in the writes of the parent, like those of PostgreSQL.
func TestOldSendsOfJavaScript(t *testing.T) {
	u := pgtest.Database(t)
	load(t, u, "js.pg.sql")
	const row = `INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata) SELECT 't', '', `
	const doc = `NULL, '{"v":1,"ts":"2024-11-29T21:06:29.704Z","channel_versions":{"log":1},"versions_seen":{},"pending_sends":[]}', '{"source":"loop","step":0}'`
	pgtest.Exec(t, u, "TRUNCATE checkpoints, checkpoint_writes, checkpoint_blobs", row+"'a', NULL, "+doc, row+"'b', 'a', "+doc, row+"'c', 'b', "+doc,
		`INSERT INTO checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, blob)
			SELECT 't', '', 'b', 'task', n, '__pregel_tasks', 'json', convert_to('{"node":"w","args":{"n":' || n || '}}', 'UTF8') FROM generate_series(1, 3) n`)
	src := postgres(t, u)
	m, _ := drivertest.Export(t, src)
	keys := func(of *memstate.State) string {
		var out []string
		for _, l := range get[*pb.Checkpoint](t, of, "checkpoint/t//c").Meta.Labels {
			if l.Name == labelSends {
				out = append(out, l.Value)
			}
		}
		return strings.Join(out, " ")
	}
	const want = "pendingwrite/t//b/task/1 pendingwrite/t//b/task/2 pendingwrite/t//b/task/3"
	lite := SQLite(filepath.Join(t.TempDir(), "new.sqlite"))
	asSaid(t, m, lite)
	there, _ := drivertest.Export(t, lite)
	back := postgres(t, pgtest.Database(t))
	asSaid(t, there, back)
	again, _ := drivertest.Export(t, back)
	for i, of := range []*memstate.State{m, there, again} {
		if got := keys(of); got != want {
			t.Errorf("%d: labels %q, want %q", i, got, want)
		}
	}
	var got string
	if err := run(t, lite.path, true).QueryRow("SELECT group_concat(CAST(checkpoint AS TEXT) ->> '$.pending_sends') FROM (SELECT * FROM checkpoints ORDER BY checkpoint_id)").Scan(&got); err != nil {
		t.Fatal(err)
	}
	if want := `[],[],[{"node":"w","args":{"n":1}},{"node":"w","args":{"n":2}},{"node":"w","args":{"n":3}}]`; got != want {
		t.Errorf("in the documents %s, want %s", got, want)
	}

	// What the first saver alone finds there, PostgreSQL would not.
	run(t, lite.path, false, "DELETE FROM writes WHERE channel = '__pregel_tasks'")
	own, _ := drivertest.Export(t, lite)
	found := false
	for _, rc := range apply(t, postgres(t, pgtest.Database(t)), own, false) {
		found = found || rc.Key == "checkpoint/t//c" && rc.Action == replay.Refused && strings.Contains(rc.Why, "its parent, in whose writes")
	}
	if !found {
		t.Error("sends that PostgreSQL does not find arrived, or were refused for another reason")
	}
}
