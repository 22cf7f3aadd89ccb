package langgraph

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
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

// get is the record under key.
func get[R agentstate.Record](t testing.TB, m *memstate.State, key string) R {
	t.Helper()
	r, err := m.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	out, ok := r.(R)
	if !ok {
		t.Fatalf("%s is %T", key, r)
	}
	return out
}

// copyExact replays m into an empty SQLite file and compares its rows with those of s.
func copyExact(t *testing.T, s *Store, m *memstate.State) {
	t.Helper()
	dst := SQLite(filepath.Join(t.TempDir(), "copy.sqlite"))
	if n := actions(apply(t, dst, m, false)); n["refuse"]+n["conflict"] > 0 {
		t.Errorf("actions %v", n)
	}
	if d := cmp.Diff(tableRows(t, s), tableRows(t, dst)); d != "" {
		t.Errorf("rows differ:\n%.1000s", d)
	}
}

// TestJSONB: what jsonb cannot hold inline, a row of its own can.
func TestJSONB(t *testing.T) {
	p := sample(t, "python.sqlite")
	pack := func(name string, v []byte) []byte {
		return append(append([]byte{0xa0 | byte(len(name))}, name...), v...)
	}
	f64 := func(f float64) []byte { return binary.BigEndian.AppendUint64([]byte{0xcb}, math.Float64bits(f)) }
	var doc, versions, vals []byte
	want := map[string][]byte{
		"big": f64(1e22), "minus": f64(math.Copysign(0, -1)), "nan": f64(math.NaN()), "inf": f64(math.Inf(1)), "huge": f64(1.8e307),
		"nul": []byte("\xa3a\x00b"), "u64": {0xcf, 255, 255, 255, 255, 255, 255, 255, 255}, "none": {0xc0}, "yes": {0xc3}, "bin": {0xc4, 2, 0, 255},
	}
	for _, n := range []string{"big", "minus", "nan", "inf", "huge", "nul", "u64", "none", "yes", "bin"} {
		versions = append(versions, pack(n, []byte("\xa3v.1"))...)
		vals = append(vals, pack(n, want[n])...)
	}
	doc = append(doc, 0x86)
	doc = append(doc, pack("v", []byte{4})...)
	doc = append(doc, pack("ts", []byte("\xd9\x202026-11-23T15:54:29.009352+00:00"))...)
	doc = append(doc, pack("id", []byte("\xa21f"))...)
	doc = append(doc, pack("channel_values", append([]byte{0x8a}, vals...))...)
	doc = append(doc, pack("channel_versions", append([]byte{0x8a}, versions...))...)
	doc = append(doc, pack("versions_seen", []byte{0x80})...)
	run(t, p, false, fmt.Sprintf(`INSERT INTO checkpoints VALUES ('t-odd', '', '1f', NULL, 'msgpack', x'%x', CAST('{"step": 1, "source": "loop", "note": "a\u0000b"}' AS BLOB))`, doc),
		fmt.Sprintf(`INSERT INTO checkpoints VALUES ('t-odd', '', '2f', NULL, 'msgpack', x'%x', CAST('{"step": 2, "ratio": NaN}' AS BLOB))`, doc))
	s := SQLite(p)
	m, _ := drivertest.Export(t, s)
	copyExact(t, s, m)
	dst := postgres(t, pgtest.Database(t))
	for _, rc := range apply(t, dst, m, false) {
		switch rc.Key {
		case "checkpoint/t-odd//1f", "checkpoint/t-odd//2f":
			if rc.Action != replay.Created || len(rc.Losses) == 0 || rc.Losses[0].Path != "native.metadata" {
				t.Errorf("%+v", rc)
			}
		}
	}
	back, rep := drivertest.Export(t, dst)
	if len(rep.Gaps) > 0 {
		t.Errorf("%v", rep.Gaps)
	}
	for n, w := range want {
		v := get[*pb.ChannelValue](t, back, agentstate.Key("channelvalue", "t-odd", "", n, "v.1"))
		if b := v.Value.GetInline(); !bytes.Equal(b, w) || v.Serializer != "msgpack" {
			t.Errorf("%s: %s %x, want %x", n, v.Serializer, b, w)
		}
	}
}

// TestEncrypted: sealed values are carried whole and counted; PostgreSQL leaves some in clear.
func TestEncrypted(t *testing.T) {
	for _, at := range stores() {
		if !strings.HasPrefix(at.name, "python") {
			continue
		}
		t.Run(at.name, func(t *testing.T) {
			m, rep := drivertest.Export(t, at.load(t))
			want := map[string]uint64{"pendingwrite": 12, "checkpoint": 5}
			if at.name != "python.sqlite" {
				want = map[string]uint64{"pendingwrite": 12, "channelvalue": 5}
			}
			got := map[string]uint64{}
			for _, st := range rep.Statements {
				for _, k := range st.Kinds {
					if k.Opaque > 0 {
						got[k.Kind] = k.Opaque
					}
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("opaque (-want +got):\n%s", d)
			}
			if c := get[*pb.Conversation](t, m, "conversation/t-encrypted"); c.Status != "waiting" {
				t.Errorf("status %q", c.Status)
			}
		})
	}
}

// TestOrphanVector: SQLite keeps the vectors of deleted items, PostgreSQL refuses them.
func TestOrphanVector(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, false, "DELETE FROM store WHERE key = 'mem-3'")
	s := SQLite(p)
	m, rep := drivertest.Export(t, s)
	if rep.Records["embedding"] != 4 || rep.Records["memory"] != 4 {
		t.Errorf("%v", rep.Records)
	}
	copyExact(t, s, m)
	dst := postgres(t, pgtest.Database(t))
	needVector(t, dst)
	for _, dry := range []bool{true, false} {
		for _, rc := range apply(t, dst, m, dry) {
			if !strings.HasPrefix(rc.Key, "embedding/") {
				continue
			}
			orphan := strings.Contains(rc.Key, "mem-3")
			if orphan != (rc.Action == replay.Skipped) || orphan && (len(rc.Losses) != 1 || rc.Losses[0].Grade != fidelity.Dropped) {
				t.Errorf("dry %v: %+v", dry, rc)
			}
		}
	}
}

// TestTTL: PostgreSQL keeps whole minutes; that is said, and when the item expires stays exact. With no minute
// an item would be over at the first reading, which begins its time anew.
func TestTTL(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, false, "UPDATE store SET ttl_minutes = 1.5, expires_at = '2020-01-01 00:00:00.5+00:00' WHERE key = 'mem-2'",
		"UPDATE store SET ttl_minutes = 0.001 WHERE key = 'mem-3'", "UPDATE store SET ttl_minutes = 1e12 WHERE key = 'a:b/c'")
	m, _ := drivertest.Export(t, SQLite(p))
	if i := get[*pb.Memory](t, m, agentstate.Key("memory", "users.u-1.memories", "mem-2")); i.TtlMinutes != 1.5 || i.ExpiresUnixNano != 1577836800500000000 {
		t.Errorf("%v", i) // an expired item stays until it is swept
	}
	dst := postgres(t, pgtest.Database(t))
	for _, rc := range apply(t, dst, m, false) {
		lost := slices.ContainsFunc(rc.Losses, func(l fidelity.Loss) bool { return l.Path == "ttl_minutes" })
		switch {
		case strings.HasSuffix(rc.Key, "/mem-2"), strings.HasSuffix(rc.Key, "/mem-3"):
			if strings.HasPrefix(rc.Key, "memory/") && (!lost || rc.Action != replay.Created) {
				t.Errorf("%+v", rc)
			}
		case strings.HasSuffix(rc.Key, "a:b%2Fc"):
			if rc.Action != replay.Refused {
				t.Errorf("%+v", rc)
			}
		}
	}
	back, _ := drivertest.Export(t, dst)
	for k, want := range map[string]float64{"memory/users.u-1.memories/mem-2": 2, "memory/users.u-1.memories.deep/mem-3": 1} {
		if i := get[*pb.Memory](t, back, k); i.TtlMinutes != want {
			t.Errorf("%s: %v", k, i.TtlMinutes)
		}
	}
	if i := get[*pb.Memory](t, back, "memory/users.u-1.memories/mem-2"); i.ExpiresUnixNano != 1577836800500000000 {
		t.Errorf("expires %d", i.ExpiresUnixNano)
	}
}

// TestNamespace: two namespaces can be joined to one path in JavaScript; the path is kept as it is.
func TestNamespace(t *testing.T) {
	u := pgtest.Database(t)
	load(t, u, "js.pg.sql")
	m, _ := drivertest.Export(t, postgres(t, u))
	s := get[*pb.MemorySpace](t, m, "memoryspace/org:a:b")
	if s.RawPath != "org:a:b" || !slices.Equal(s.Path, []string{"org", "a", "b"}) {
		t.Errorf("%v", s)
	}
	py, _ := drivertest.Export(t, SQLite(sample(t, "python.sqlite")))
	if s := get[*pb.MemorySpace](t, py, "memoryspace/users.u-1.memories"); !slices.Equal(s.Path, []string{"users", "u-1", "memories"}) {
		t.Errorf("%v", s)
	}
}

// TestErrors: a failed step gives its successful siblings an __error__ beside their real writes, so
// it does not mean that there is no result.
func TestErrors(t *testing.T) {
	m, _ := drivertest.Export(t, SQLite(sample(t, "js.sqlite")))
	if c := get[*pb.Conversation](t, m, "conversation/thread-pending"); c.Status != "failed" {
		t.Errorf("status %q", c.Status)
	}
	wrote, failed := map[string]bool{}, map[string]bool{}
	for _, r := range records(t, m) {
		if w, ok := r.(*pb.PendingWrite); ok && strings.Contains(w.CheckpointKey, "1f1e6e7c-8ff6-6290-8005-64d0a789393c") {
			if w.Channel == "__error__" {
				failed[w.TaskId] = true
			} else {
				wrote[w.TaskId] = true
			}
		}
	}
	both := 0
	for id := range wrote {
		if failed[id] {
			both++
		}
	}
	if len(failed) != 3 || both != 2 {
		t.Errorf("failed %v, wrote %v", failed, wrote)
	}
}

// TestTasks: a finished @task of the functional API exists only as a write of the paused
// checkpoint; the questions and the answers are readable.
func TestTasks(t *testing.T) {
	m, _ := drivertest.Export(t, SQLite(sample(t, "python.sqlite")))
	returns, open, closed := 0, 0, 0
	for _, r := range records(t, m) {
		switch r := r.(type) {
		case *pb.PendingWrite:
			if r.Channel == "__return__" && strings.HasPrefix(r.Meta.Key, "pendingwrite/t-func/") {
				returns++
			}
		case *pb.Interrupt:
			switch r.Status {
			case pb.Interrupt_STATUS_OPEN:
				open++
				if r.Answer != nil {
					t.Errorf("%s is open and answered", r.Meta.Key)
				}
			case pb.Interrupt_STATUS_CLOSED:
				closed++
				if r.Answer == nil {
					t.Errorf("%s has no answer", r.Meta.Key)
				}
			}
		}
	}
	if returns != 4 || open != 5 || closed != 5 {
		t.Errorf("returns %d, open %d, closed %d", returns, open, closed)
	}
	sub := get[*pb.Conversation](t, m, "conversation/t-subgraph")
	if sub.Status != "waiting" || sub.HeadKey == "" {
		t.Errorf("%v", sub)
	}
	if c := get[*pb.Conversation](t, m, "conversation/t-done"); c.Status != "finished" {
		t.Errorf("%v", c)
	}
}
