package langgraph

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestDeltaChat: a delta channel has no value at the head; its messages are what the tasks of the
// ancestors wrote, and people read them all the same.
func TestDeltaChat(t *testing.T) {
	chat := func(m *memstate.State) (out []string, of map[string]bool) {
		of = map[string]bool{}
		for _, r := range records(t, m) {
			if x, ok := r.(*pb.Message); ok {
				out = append(out, fmt.Sprint(x.Meta.Key, x.Role, x.Position, x.ParentKey, x.Parts))
				of[agentstate.KindOfKey(x.Meta.ViewOfKeys[0])] = true
			}
		}
		return out, of
	}
	for _, at := range stores()[:3] {
		if strings.HasPrefix(at.name, "python") {
			continue // its documents cannot be edited with SQL
		}
		t.Run(at.name, func(t *testing.T) {
			s := at.load(t)
			want, _ := chat(must(drivertest.Export(t, s)))
			if s.server != nil {
				change(t, s, "DELETE FROM checkpoint_blobs WHERE channel = 'messages'")
			} else {
				change(t, s, "UPDATE checkpoints SET checkpoint = CAST(json_remove(CAST(checkpoint AS TEXT), '$.channel_values.messages') AS BLOB)")
			}
			got, of := chat(must(drivertest.Export(t, s)))
			// the tool's answers got their ids when they were taken in: they are read without
			strip := func(ss []string) (out []string) {
				for _, s := range ss {
					if !strings.Contains(s, "ROLE_TOOL") && !strings.Contains(s, "tool_result") {
						out = append(out, s[:strings.Index(s, " ")])
					}
				}
				return out
			}
			if d := cmp.Diff(strip(want), strip(got)); d != "" || len(got) != len(want) || !of["pendingwrite"] || of["channelvalue"] {
				t.Errorf("%d messages of %v, want %d:\n%s", len(got), of, len(want), d)
			}
		})
	}
}

// TestOddRows: whatever SQLite can hold comes back in its storage class.
func TestOddRows(t *testing.T) {
	p := sample(t, "python.sqlite")
	big := strings.Repeat("x", agentstate.SpillSize)
	run(t, p, false,
		`INSERT INTO checkpoints SELECT 'a/b%2F~c d', checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints WHERE thread_id = 't-interrupt'`,
		`INSERT INTO checkpoints SELECT '', checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints WHERE thread_id = 't-interrupt'`,
		`INSERT INTO checkpoints SELECT 'nul' || char(0) || 'x', checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints WHERE thread_id = 't-interrupt'`,
		`INSERT INTO checkpoints SELECT CAST(x'ff00fe' AS TEXT), checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints WHERE thread_id = 't-interrupt'`,
		`INSERT INTO checkpoints SELECT x'612f62', checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata FROM checkpoints WHERE thread_id = 't-interrupt'`,
		`INSERT INTO checkpoints VALUES ('odd', '', 'text', NULL, 'json', '{"v":4,"id":"text","channel_values":{"a":1},"channel_versions":{"a":1}}', '{"step":1}')`,
		`INSERT INTO checkpoints VALUES ('odd', '', 'null', NULL, NULL, NULL, NULL)`,
		`INSERT INTO checkpoints VALUES ('odd', '', 'empty', 'nowhere', 'msgpack', x'', x'')`,
		`INSERT INTO checkpoints VALUES ('odd', '', 'broken', 'nowhere', 'msgpack', x'dfffffffff', x'7b')`,
		`INSERT INTO checkpoints VALUES ('odd', '', 'pickled', NULL, 'pickle', x'80049500', '[]')`,
		`INSERT INTO checkpoints VALUES ('odd', '', 'integer', NULL, 'msgpack', 7, 1.5)`,
		`INSERT INTO writes VALUES ('odd', 'gone', 'gone', 'task', -9223372036854775808, 'c', NULL, NULL)`,
		`INSERT INTO writes VALUES ('odd', 'gone', 'gone', 'task', 9223372036854775807, 'c', 'pickle', 'text')`,
		`INSERT INTO writes VALUES ('odd', 'gone', 'gone', 'task', 0, '__interrupt__', 'msgpack', x'ff')`,
		`INSERT INTO writes VALUES ('odd', 'gone', 'gone', 'task', 'not a number', '__interrupt__', 'json', 3.25)`,
		`INSERT INTO writes VALUES ('only writes', '', 'gone', 'task', 0, 'c', 'null', x'')`,
		`INSERT INTO writes VALUES ('big', '', 'gone', 'task', 0, 'c', 'json', '"`+big+`"')`,
		`INSERT INTO writes VALUES ('big', '', 'gone', 'task', 1, 'c', 'bytes', zeroblob(9000001))`,
		`INSERT INTO checkpoints VALUES ('big', '', 'b', NULL, 'json', CAST('{"v":4,"id":"b","pad":"`+big+`","channel_values":{"m":"`+big+`","s":"`+big[1:]+`","e":""},"channel_versions":{"m":1,"s":2}}' AS BLOB), CAST('{"note":"`+big+`"}' AS BLOB))`,
		`INSERT INTO store (prefix, key, value, ttl_minutes) VALUES ('', '', 'text', 'no number')`,
		`INSERT INTO store (prefix, key, value, created_at) VALUES ('a', 'big', CAST('{"text":"`+big+`"}' AS BLOB), 1764000000)`,
		`INSERT INTO store_vectors (prefix, key, field_name, embedding) VALUES ('a', 'big', 'text', '[1,2]'), ('a', 'big', 'none', NULL), ('a', 'big', 'odd', x'010203')`,
	)
	s := SQLite(p)
	m, rep := drivertest.Export(t, s)
	if d := cmp.Diff(tableRows(t, s), recordRows(t, m)); d != "" {
		t.Errorf("rows differ (-store +records):\n%.2000s", d)
	}
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v", rep.Verdict)
	}
	copyExact(t, s, m)
	for _, r := range records(t, m) {
		if b := get[agentstate.Record](t, m, r.GetMeta().GetKey()); b == nil {
			t.Errorf("%s", r.GetMeta().GetKey())
		}
		agentstate.Blobs(r, func(b *pb.Blob) {
			if b.Size <= agentstate.SpillSize {
				t.Errorf("%s: a blob of %d bytes", r.GetMeta().GetKey(), b.Size)
			}
		})
	}
	// PostgreSQL takes what it can, and says what it cannot: the run goes through.
	refused := map[string]string{}
	for _, rc := range apply(t, postgres(t, pgtest.Database(t)), m, false) {
		if rc.Action == replay.Refused && !strings.Contains(rc.Key, "t-encrypted") {
			refused[rc.Key] = rc.Why
		}
	}
	for _, k := range []string{"checkpoint/odd//pickled", "checkpoint/odd//broken", "checkpoint/odd//null", "pendingwrite/odd/gone/gone/task/-9223372036854775808", "embedding/a/big/odd"} {
		if refused[k] == "" {
			t.Errorf("%s was not refused", k)
		}
	}
}

// TestForeignColumns: a column that somebody added to a table of the runtime is carried; a table of
// somebody's is not, and that is said.
func TestForeignColumns(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, false, "ALTER TABLE checkpoints ADD COLUMN tenant TEXT", "UPDATE checkpoints SET tenant = 'acme' WHERE thread_id = 't-done'",
		"ALTER TABLE writes ADD COLUMN size INT GENERATED ALWAYS AS (length(value)) VIRTUAL", "CREATE TABLE invoices (id INTEGER PRIMARY KEY)")
	s := SQLite(p)
	m, _ := drivertest.Export(t, s)
	if d := cmp.Diff(tableRows(t, s), recordRows(t, m)); d != "" {
		t.Errorf("rows differ:\n%.2000s", d)
	}
	pre, err := s.Preflight(t.Context())
	if err != nil || !slices.ContainsFunc(pre.Notes, func(n string) bool { return strings.Contains(n, "not carried: 1 of an application: invoices") }) {
		t.Errorf("%v %v", pre, err)
	}
	n := map[string]int{}
	for _, rc := range apply(t, SQLite(filepath.Join(t.TempDir(), "new.sqlite")), m, false) {
		if rc.Action == replay.Refused {
			t.Errorf("%s: %s", rc.Key, rc.Why)
		}
		for _, l := range rc.Losses {
			n[l.Path+" "+l.Grade.String()]++
		}
	}
	if len(n) != 1 || n["native.tenant dropped"] != 13 {
		t.Errorf("a store without the column: %v", n)
	}
	if n := actions(apply(t, s, m, false)); n["same"] != 289 {
		t.Errorf("into itself: %v", n)
	}
}

// TestForeignMemory: what another runtime remembers becomes an item of the long-term store.
func TestForeignMemory(t *testing.T) {
	mem := func(name string, content any) *pb.Memory {
		m := &pb.Memory{Meta: agentstate.Meta("memory", nil, "s", name), SpaceKey: "memoryspace/s", Name: name}
		m.Meta.CreatedUnixNano = 1764000000123456000
		switch c := content.(type) {
		case string:
			m.Content = &pb.Memory_Text{Text: c}
		case []byte:
			m.Content = &pb.Memory_Data{Data: agentstate.Inline("application/json", c)}
		}
		return m
	}
	tagged := mem("tags", `likes trains`)
	tagged.Tags = []string{"travel"}
	space := &pb.MemorySpace{Meta: agentstate.Meta("memoryspace", nil, "s"), Path: []string{"users", "ada"}}
	dotted := &pb.MemorySpace{Meta: agentstate.Meta("memoryspace", nil, "d"), Path: []string{"a.b"}}
	lost := mem("lost", "x")
	lost.SpaceKey, lost.Meta.Key = "memoryspace/d", "memory/d/lost"
	view := &pb.Memory{Meta: agentstate.Meta("memory", nil, "Ada", "likes tea"), Name: "Ada", Content: &pb.Memory_Text{Text: "likes tea"}}
	view.Meta.ViewOfKeys = []string{"entity/Ada"}
	m := memstate.New(&pb.Origin{Meta: agentstate.Meta("origin", nil, "mem0"), Product: "mem0", Flavor: "python"},
		space, dotted, mem("plain", "prefers °C"), mem("object", []byte(`{"a": [1, 2.50]}`)), mem("list", []byte(`[1]`)), tagged, lost, view)
	for _, dst := range []*Store{SQLite(filepath.Join(t.TempDir(), "new.sqlite"))} {
		want := map[string]replay.Action{
			"memoryspace/s": replay.Skipped, "memoryspace/d": replay.Skipped, "memory/s/plain": replay.Created, "memory/s/object": replay.Created,
			"memory/s/list": replay.Created, "memory/s/tags": replay.Created, "memory/d/lost": replay.Created,
			"memory/Ada/likes%20tea": replay.Created,
		}
		for _, rc := range apply(t, dst, m, false) {
			if rc.Action != want[rc.Key] {
				t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
			}
			if rc.Key == "memory/s/tags" && !slices.ContainsFunc(rc.Losses, func(l fidelity.Loss) bool { return l.Path == "tags" && l.Grade == fidelity.Dropped }) {
				t.Errorf("%+v", rc)
			}
		}
		back, _ := drivertest.Export(t, dst)
		for k, v := range map[string]string{"plain": `{"text":"prefers °C"}`, "object": `{"a":[1,2.50]}`} {
			i := get[*pb.Memory](t, back, agentstate.Key("memory", "users.ada", k))
			if string(i.GetData().GetInline()) != v || i.Meta.CreatedUnixNano != 1764000000123456000 {
				t.Errorf("%v", i)
			}
		}
		for at, v := range map[[2]string]string{{"users.ada", "list"}: `{"value":[1]}`, {"a~2Eb", "lost"}: `{"text":"x"}`, {"mem0", "Ada/likes tea"}: `{"text":"likes tea"}`} {
			key := agentstate.Key("memory", at[0], at[1])
			if i := get[*pb.Memory](t, back, key); string(i.GetData().GetInline()) != v {
				t.Errorf("%s: %v", key, i)
			}
		}
		if n := actions(apply(t, dst, m, false)); n["same"] != 6 {
			t.Errorf("again: %v", n)
		}
	}
}
