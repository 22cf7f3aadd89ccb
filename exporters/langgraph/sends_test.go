package langgraph

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Checkpoints below version 4 have sends that wait: in SQLite inside the document, in PostgreSQL in the
// writes of the parent alone. TestOldSends makes such ones out of new ones.
func TestOldSends(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, false, append(oldSends("'task'"), "INSERT INTO checkpoints SELECT 'u', '', 'c', NULL, type, checkpoint, metadata FROM checkpoints WHERE checkpoint_id = 'c'")...)
	src := SQLite(p)
	m, _ := drivertest.Export(t, src)
	copyExact(t, src, m)
	pg := postgres(t, pgtest.Database(t))
	for _, rc := range apply(t, pg, m, false) {
		switch refused := rc.Action == replay.Refused; {
		case rc.Key == "checkpoint/u//c":
			if !refused || !strings.Contains(rc.Why, "no parent") {
				t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
			}
		case refused && strings.Contains(rc.Key, "checkpoint/"):
			t.Errorf("%s: %s", rc.Key, rc.Why)
		}
	}
	there, _ := drivertest.Export(t, pg)
	for _, rc := range apply(t, SQLite(filepath.Join(t.TempDir(), "back.sqlite")), there, false) {
		if want := strings.HasPrefix(rc.Key, "checkpoint/t/") || strings.HasPrefix(rc.Key, "pendingwrite/t/"); want != (rc.Action == replay.Refused) {
			t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
		}
	}
}

// oldSends makes a thread t at the second of two such checkpoints. What was sent at the first is by task.
func oldSends(task string) []string {
	// A map of four fields: v, id, channel_versions and the sends, one Send of langgraph.types.
	const send = "c7220193af6c616e6767726170682e7479706573a453656e6492a6776f726b657281a16901"
	const doc = "84a17601a26964a163b06368616e6e656c5f76657273696f6e7380ad70656e64696e675f73656e647391" + send
	return []string{
		"DELETE FROM checkpoints", "DELETE FROM writes",
		"INSERT INTO checkpoints VALUES ('t', '', 'b', NULL, 'msgpack', x'83a17601a26964a162b06368616e6e656c5f76657273696f6e7380', CAST('{\"source\":\"loop\",\"step\":0}' AS BLOB))",
		"INSERT INTO checkpoints VALUES ('t', '', 'c', 'b', 'msgpack', x'" + doc + "', CAST('{\"source\":\"loop\",\"step\":1}' AS BLOB))",
		"INSERT INTO writes VALUES ('t', '', 'b', " + task + ", 0, '__pregel_tasks', 'msgpack', x'" + send + "')",
	}
}

// A checkpoint that an update copied holds the sends of the one that it follows, and no write of that one says so:
// PostgreSQL, which looks there, would not run them.
func TestCopiedSends(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, false, append(oldSends("'task'"), "INSERT INTO checkpoints SELECT thread_id, '', 'd', 'c', type, checkpoint, metadata FROM checkpoints WHERE checkpoint_id = 'c'")...)
	src := SQLite(p)
	m, _ := drivertest.Export(t, src)
	copyExact(t, src, m)
	seen := false
	for _, rc := range apply(t, postgres(t, pgtest.Database(t)), m, false) {
		if rc.Key != "checkpoint/t//d" {
			continue
		}
		seen = true
		if rc.Action != replay.Refused || !strings.Contains(rc.Why, "sends that wait") {
			t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
		}
	}
	if !seen {
		t.Error("the copied checkpoint is not there")
	}
}

// An update of an older state begins a branch at which what its parent sent does not wait. PostgreSQL would run it
// again below version 4.
func TestSettledSends(t *testing.T) {
	for version, why := range map[string]string{"1": "what its parent sent is settled", "3": ""} {
		t.Run(version, func(t *testing.T) {
			p := sample(t, "python.sqlite")
			run(t, p, false, append(oldSends("'task'"), "UPDATE checkpoints SET checkpoint = x'83a1760"+version+"a26964a163b06368616e6e656c5f76657273696f6e7380' WHERE checkpoint_id = 'c'")...)
			src := SQLite(p)
			m, _ := drivertest.Export(t, src)
			copyExact(t, src, m)
			if c := get[*pb.Conversation](t, m, "conversation/t"); c.Status != "finished" {
				t.Errorf("the thread is %s", c.Status)
			}
			dst := postgres(t, pgtest.Database(t))
			told := false // that older savers show it as waiting
			for _, rc := range apply(t, dst, m, true) {
				if strings.HasPrefix(rc.Key, "checkpoint/t/") && (!strings.Contains(rc.Why, why) || why == "" && rc.Why != "") {
					t.Errorf("%s: %v %s, want %s", rc.Key, rc.Action, rc.Why, why)
				}
				told = told || slices.ContainsFunc(rc.Losses, func(l fidelity.Loss) bool { return strings.Contains(l.Why, "before 2.0.22") })
			}
			if told != (why == "") {
				t.Errorf("what older savers show was told: %t", told)
			}
			asSaid(t, m, dst)
		})
	}
}

// anotherWrite is one that PostgreSQL refuses, beside a send that it takes: of the delta channel x, which holds its value
// at the checkpoint behind it.
const anotherWrite = "INSERT INTO writes SELECT thread_id, checkpoint_ns, checkpoint_id, 'other' || char(0), idx, 'x', type, value FROM writes WHERE channel = '__pregel_tasks';" +
	"UPDATE writes SET task_id = 'task' WHERE channel <> 'x';" +
	"UPDATE checkpoints SET metadata = CAST('{\"source\":\"loop\",\"step\":1,\"counters_since_delta_snapshot\":{\"x\":[1,1]}}' AS BLOB)," +
	"checkpoint = x'85a17601a26964a163b06368616e6e656c5f76657273696f6e7381a178a131ae6368616e6e656c5f76616c75657381a17801ad70656e64696e675f73656e647391' || substr(checkpoint, -37) WHERE checkpoint_id = 'c'"

// A send that PostgreSQL refuses would be lost there with its task, for the document has it no more.
func TestRefusedSend(t *testing.T) {
	for name, c := range map[string]struct {
		change  string
		arrives bool
	}{
		"it waits":        {"SELECT 1", false},
		"one of an older": {"INSERT INTO checkpoints SELECT thread_id, checkpoint_ns, 'd', 'c', type, x'83a17601a26964a164b06368616e6e656c5f76657273696f6e7380', metadata FROM checkpoints WHERE checkpoint_id = 'c'", true},
		"version 4":       {"UPDATE checkpoints SET checkpoint = x'83a17604a26964a163b06368616e6e656c5f76657273696f6e7380' WHERE checkpoint_id = 'c'", true},
		"another write":   {anotherWrite, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := sample(t, "python.sqlite")
			run(t, p, false, append(oldSends("'task' || char(0)"), c.change)...)
			m, _ := drivertest.Export(t, SQLite(p))
			n := 0
			for _, rc := range apply(t, postgres(t, pgtest.Database(t)), m, false) {
				if !strings.HasPrefix(rc.Key, "checkpoint/t/") {
					continue
				}
				n++
				if refused := rc.Action == replay.Refused; refused == c.arrives || refused && !strings.HasPrefix(rc.Why, notItsSend) {
					t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
				}
			}
			if n < 2 {
				t.Errorf("%d checkpoints", n)
			}
		})
	}
}

// TestWhoAsks: the node that asks is named, or none is. In testdata/sends.sqlite, of langgraph 1.2.24, two
// tasks that Sends started ask while the node join is due, and two nodes ask side by side.
func TestWhoAsks(t *testing.T) {
	for _, c := range []struct {
		name, query string
		want        map[string]string // question → node
	}{
		{"with task paths", "SELECT 1", map[string]string{`"work 1?"`: "work", `"work 2?"`: "work", `"see?"`: "see", `"hear?"`: "hear"}},
		{"as an older library wrote", "ALTER TABLE writes DROP COLUMN task_path", map[string]string{`"work 1?"`: "", `"work 2?"`: "", `"see?"`: "", `"hear?"`: ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := sample(t, "sends.sqlite")
			run(t, p, false, c.query)
			src := SQLite(p)
			m, _ := drivertest.Export(t, src)
			who := func(from *memstate.State) map[string]string {
				got := map[string]string{}
				for _, r := range records(t, from) {
					if i, ok := r.(*pb.Interrupt); ok {
						got[string(i.Question.GetInline())] = i.AskedBy
					}
				}
				return got
			}
			if d := cmp.Diff(c.want, who(m)); d != "" {
				t.Error(d)
			}
			pg := postgres(t, pgtest.Database(t))
			apply(t, pg, m, false)
			there, _ := drivertest.Export(t, pg)
			if d := cmp.Diff(c.want, who(there)); d != "" {
				t.Errorf("in PostgreSQL: %s", d)
			}
		})
	}
}

// TestWhoAsksJS: JavaScript writes no task paths. Where all that runs at a checkpoint is of one node, that one asks.
func TestWhoAsksJS(t *testing.T) {
	for sends, want := range map[string]string{
		`[{"node":"w","args":{"i":1}},{"node":"w","args":{"i":2}}]`: "w",
		`[{"node":"w","args":{"i":1}},{"node":"v","args":{"i":2}}]`: "",
		`[]`: "",
	} {
		t.Run(sends, func(t *testing.T) {
			p := sample(t, "js.sqlite")
			run(t, p, false, `UPDATE checkpoints SET checkpoint = CAST(json_set(json_remove(CAST(checkpoint AS TEXT), '$.channel_values."branch:to:approve"', '$.channel_versions."branch:to:approve"'),
				'$.channel_versions.__pregel_tasks', 5, '$.channel_values.__pregel_tasks', json('`+sends+`')) AS BLOB) WHERE thread_id = 'thread-interrupt' AND checkpoint_id = '1f1e6e7c-8e01-6ac0-8003-37dd2b08ba7f'`)
			check := func(at string, m *memstate.State) {
				n := 0
				for _, r := range records(t, m) {
					if i, ok := r.(*pb.Interrupt); ok && i.ConversationKey == "conversation/thread-interrupt" {
						if n++; i.AskedBy != want {
							t.Errorf("%s: %s is asked by %q, want %q", at, sends, i.AskedBy, want)
						}
					}
				}
				if n != 1 {
					t.Errorf("%s: %d questions", at, n)
				}
			}
			m, _ := drivertest.Export(t, SQLite(p))
			check("SQLite", m)
			pg := postgres(t, pgtest.Database(t))
			apply(t, pg, m, false)
			there, _ := drivertest.Export(t, pg)
			check("PostgreSQL", there)
		})
	}
}
