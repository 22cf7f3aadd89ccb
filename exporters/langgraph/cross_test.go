package langgraph

import (
	"bytes"
	"encoding/json"
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
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// meaning is what the runtime would load from a store, place by place, in words that do not
// depend on the database: channel values as people read them, versions, writes, items.
func meaning(t testing.TB, m *memstate.State) map[string]string {
	t.Helper()
	res := resolver(m)
	js := strings.HasPrefix(originOf(t, m).Flavor, "js")
	out := map[string]string{}
	data := func(ser string, d *pb.Data) string {
		b, err := res.Data(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		switch ser {
		case "null":
			return "null"
		case "bytes", "bytearray": // as they stand inside a document
			doc, _, err := values.JoinCheckpoint(js, []byte("{}"), []values.TypedValue{{Channel: "x", Type: "bytes", Value: b}})
			if err != nil {
				t.Fatal(err)
			}
			tag := map[bool]string{true: "json", false: "msgpack"}[js]
			cp, _ := values.ParseCheckpoint(tag, doc)
			return string(values.JSON(tag, doc[cp.Inline[0].Start:cp.Inline[0].End], 1<<20))
		}
		text := string(values.JSON(ser, b, 1<<20))
		if ser == "json" && values.TooLong(b) { // a float in msgpack; the receipt says so
			text = "1e+22"
		}
		return text
	}
	vals, snapshots := map[string]*pb.ChannelValue{}, map[string]string{}
	for _, r := range records(t, m) {
		if v, ok := r.(*pb.ChannelValue); ok {
			vals[v.Meta.Key] = v
			if text := data(v.Serializer, v.Value); strings.Contains(text, "DeltaSnapshot") {
				snapshots[v.Channel+" "+v.Version] = text
			}
		}
	}
	for _, r := range records(t, m) {
		switch r := r.(type) {
		case *pb.Checkpoint:
			var labels []string
			for _, l := range r.Meta.Labels {
				labels = append(labels, l.Name+"="+l.Value)
			}
			out[r.Meta.Key] = fmt.Sprint(r.ParentKey, r.GetStep(), r.Source, len(labels), r.Meta.CreatedUnixNano, r.NextNodes)
			for _, c := range r.Channels {
				text := "none"
				if v := vals[c.ValueKey]; v != nil && v.Serializer != "empty" {
					if inherited(v) { // the same in other bytes; PostgreSQL has the first
						_, parts := agentstate.SplitKey(v.Meta.Key)
						v = vals[agentstate.Key("channelvalue", parts[:4]...)]
					}
					text = data(v.Serializer, v.Value)
				}
				// In SQLite a snapshot stands in the checkpoint that made it; in PostgreSQL every
				// checkpoint with its version shows it, and the runtime reads both alike.
				if s := snapshots[c.Channel+" "+c.Version]; s != "" {
					text = s
				}
				out[r.Meta.Key+" "+c.Channel] = c.Version + " " + text
			}
		case *pb.PendingWrite:
			out[r.Meta.Key] = r.Channel + " " + data(r.Serializer, r.Value)
		case *pb.Memory:
			b, err := res.Data(t.Context(), r.GetData())
			if err != nil {
				t.Fatal(err)
			}
			var x any
			d := json.NewDecoder(bytes.NewReader(b))
			d.UseNumber()
			if err := d.Decode(&x); err != nil {
				t.Fatal(err)
			}
			out[r.Meta.Key] = fmt.Sprint(x, r.ExpiresUnixNano, r.TtlMinutes, r.Meta.CreatedUnixNano, r.Meta.UpdatedUnixNano)
		case *pb.Embedding:
			out[r.Meta.Key] = fmt.Sprint(floats(r), r.Meta.CreatedUnixNano)
		case *pb.Message, *pb.Interrupt, *pb.Conversation:
			out[r.GetMeta().Key] = "view"
		}
	}
	return out
}

// asSaid replays m into dst and reads it back: nothing is missing, and nothing differs that was not announced.
func asSaid(t *testing.T, m agentstate.Source, dst *Store) {
	t.Helper()
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := replay.Apply(t.Context(), dst, m, &replay.Options{Journal: j}); err != nil {
		t.Fatal(err)
	}
	back, err := replay.ReadBack(t.Context(), m, dst, j)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range back.Unannounced {
		t.Errorf("not announced: %v", l)
	}
	if back.MissingN > 0 {
		t.Errorf("missing %d %v", back.MissingN, back.Missing)
	}
}

// TestReadBackAcross: what changes form between two databases is announced, all of it.
func TestReadBackAcross(t *testing.T) {
	for from, to := range map[string]string{
		"python.sqlite": "python.pgvector.sql", "python.pgvector.sql": "python.sqlite", "js.sqlite": "js.pg.sql", "js.pg.sql": "js.sqlite",
	} {
		t.Run(from, func(t *testing.T) {
			m, _ := drivertest.Export(t, storeNamed(t, from).load(t))
			dst := storeNamed(t, to).void(t)
			if strings.Contains(to, "vector") {
				needVector(t, dst)
			}
			asSaid(t, m, dst)
		})
	}
}

// TestCross carries each store into the other database of its language and back again.
func TestCross(t *testing.T) {
	for _, c := range []struct {
		from, to string // names of stores()
		refused  int    // rows of the encrypted thread, which cannot cross: values, checkpoints, writes
	}{
		{"python.sqlite", "python.pgvector.sql", 5 + 12}, {"python.pgvector.sql", "python.sqlite", 12 + 5 + 12},
		{"python.pg.sql", "python.sqlite", 12 + 5 + 12}, {"js.sqlite", "js.pg.sql", 0}, {"js.pg.sql", "js.sqlite", 3},
	} {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			from, to := storeNamed(t, c.from), storeNamed(t, c.to)
			m, _ := drivertest.Export(t, from.load(t))
			there := to.void(t)
			if strings.Contains(c.to, "vector") {
				needVector(t, there)
			}
			plan := apply(t, there, m, true)
			done := apply(t, there, m, false)
			if d := cmp.Diff(bare(plan), bare(done)); d != "" {
				t.Errorf("plan and run differ:\n%.2000s", d)
			}
			n := actions(done)
			t.Log(n)
			if n["refuse"] != c.refused || n["conflict"] > 0 {
				for _, rc := range done {
					if rc.Action.String() == "refuse" {
						t.Log(rc.Key, rc.Why)
					}
				}
				t.Errorf("actions %v, want %d refused", n, c.refused)
			}
			back, rep := drivertest.Export(t, there)
			if len(rep.Gaps) > 0 {
				t.Errorf("gaps after crossing: %v", rep.Gaps)
			}
			want, got := meaning(t, m), meaning(t, back)
			for k := range want {
				if strings.Contains(k, "t-encrypted") || strings.HasPrefix(k, "memory/") && strings.HasPrefix(c.from, "js") {
					delete(want, k)
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("meaning differs (-source +target):\n%.4000s", d)
			}
			if silent := unannounced(t, m, back, done); len(silent) > 0 {
				t.Errorf("%d checkpoints cite other values than before and nothing says so: %.500q", len(silent), silent)
			}
			again := apply(t, there, m, false)
			if n := actions(again); n["create"]+n["conflict"] > 0 {
				t.Errorf("second run: %v", n)
			}
			home := from.void(t)
			apply(t, home, back, false)
			if d := cmp.Diff(want, meaning(t, must(drivertest.Export(t, home)))); d != "" {
				t.Errorf("meaning differs after the way back:\n%.4000s", d)
			}
			left, err := drivertest.Undo(t.Context(), there, nil, created(done))
			if err != nil || len(left) > 0 {
				t.Errorf("undo left %v: %v", left, err)
			}
			for name, rows := range tableRows(t, there) {
				if len(rows) > 0 && !strings.HasSuffix(name, "_migrations") {
					t.Errorf("undo left %d rows of %s", len(rows), name)
				}
			}
		})
	}
}

// unannounced are the checkpoints whose values have other keys in the copy, without a loss that says so.
func unannounced(t testing.TB, m, back *memstate.State, done []replay.Receipt) (out []string) {
	said := map[string]bool{}
	for _, rc := range done {
		said[rc.Key] = slices.ContainsFunc(rc.Losses, func(l fidelity.Loss) bool { return strings.HasPrefix(l.Path, "channels.") })
	}
	cites := func(s *memstate.State, key string) (keys []string) {
		r, err := s.Get(t.Context(), key)
		if cp, ok := r.(*pb.Checkpoint); err == nil && ok {
			for _, c := range cp.Channels {
				keys = append(keys, c.ValueKey)
			}
		}
		return keys
	}
	for _, rc := range done {
		if strings.HasPrefix(rc.Key, "checkpoint/") && rc.Action == replay.Created && !said[rc.Key] && !slices.Equal(cites(m, rc.Key), cites(back, rc.Key)) {
			out = append(out, rc.Key)
		}
	}
	return out
}

func storeNamed(t testing.TB, name string) storeAt {
	for _, s := range stores() {
		if s.name == name {
			return s
		}
	}
	t.Fatal(name)
	return storeAt{}
}

// TestAddedColumn: a column that an application added to the runtime's tables is carried where the target
// has it, and named as dropped where not. The rows arrive all the same.
func TestAddedColumn(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, false, "ALTER TABLE checkpoints ADD COLUMN tenant TEXT DEFAULT 'acme'", "ALTER TABLE writes ADD COLUMN tenant TEXT DEFAULT 'acme'",
		"ALTER TABLE store ADD COLUMN tenant TEXT", "UPDATE store SET tenant = 'acme' WHERE key = 'mem-1'")
	m, _ := drivertest.Export(t, SQLite(p))
	same := sample(t, "python.sqlite")
	run(t, same, false, "DELETE FROM checkpoints", "DELETE FROM writes", "DELETE FROM store", "DELETE FROM store_vectors",
		"ALTER TABLE checkpoints ADD COLUMN tenant TEXT", "ALTER TABLE writes ADD COLUMN tenant TEXT", "ALTER TABLE store ADD COLUMN tenant TEXT")
	dropped := func(dst *Store) map[string]int {
		n := map[string]int{}
		for _, rc := range apply(t, dst, m, false) {
			if rc.Action == replay.Refused && !strings.Contains(rc.Key, "t-encrypted") {
				t.Errorf("%s: %s", rc.Key, rc.Why)
			}
			for _, l := range rc.Losses {
				if l.Path == "native.tenant" && l.Grade == fidelity.Dropped {
					kind, _, _ := strings.Cut(rc.Key, "/")
					n[kind]++
				}
			}
		}
		return n
	}
	if n := dropped(SQLite(same)); len(n) > 0 {
		t.Errorf("the target has the column: %v dropped", n)
	}
	fresh := dropped(SQLite(filepath.Join(t.TempDir(), "fresh.sqlite")))
	if fresh["checkpoint"] == 0 || fresh["pendingwrite"] == 0 || fresh["memory"] != 2 {
		t.Errorf("into a fresh store: %v", fresh)
	}
	pg := dropped(postgres(t, pgtest.Database(t)))
	if pg["checkpoint"] != fresh["checkpoint"]-5 || pg["memory"] != 2 { // 5 are encrypted, and cannot cross
		t.Errorf("into PostgreSQL: %v, into SQLite: %v", pg, fresh)
	}
}
