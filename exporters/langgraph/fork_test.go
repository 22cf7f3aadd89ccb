package langgraph

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// forked makes a second child of the third checkpoint, with the version of the fourth and other messages.
const forked = `INSERT INTO checkpoints SELECT thread_id, checkpoint_ns, '1f1e6e7c-ffff-6b30-8003-000000000000', '1f1e6e7c-8dd8-62b0-8001-9bac61eabb19', type,
	CAST(replace(CAST(checkpoint AS TEXT), 'Sunny in', 'Foggy in') AS BLOB), metadata FROM checkpoints WHERE checkpoint_id = '1f1e6e7c-8deb-6b30-8002-93bdb05d456b'`

// TestFork: JavaScript counts versions, so two branches give one number to two values. Both are
// carried; in PostgreSQL, which keeps one for a version, the second branch has versions of its own
// instead of the other's messages.
func TestFork(t *testing.T) {
	p := sample(t, "js.sqlite")
	run(t, p, false, forked)
	s := SQLite(p)
	m, rep := drivertest.Export(t, s)
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v", rep.Verdict)
	}
	fork := get[*pb.Checkpoint](t, m, agentstate.Key("checkpoint", "thread-interrupt", "", "1f1e6e7c-ffff-6b30-8003-000000000000"))
	i := slices.IndexFunc(fork.Channels, func(c *pb.ChannelRef) bool { return c.Channel == "messages" })
	v := get[*pb.ChannelValue](t, m, fork.Channels[i].ValueKey)
	if !bytes.Contains(v.Value.GetInline(), []byte("Foggy in")) || inherited(v) {
		t.Errorf("the fork's messages: %s", v.Meta)
	}
	copyExact(t, s, m)
	dst := postgres(t, pgtest.Database(t))
	for _, rc := range apply(t, dst, m, false) {
		if rc.Action != replay.Created && rc.Action != replay.Skipped {
			t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
		}
		moved := slices.ContainsFunc(rc.Losses, func(l fidelity.Loss) bool {
			return strings.HasSuffix(l.Path, "version") && l.Grade == fidelity.Transformed
		})
		if moved != (rc.Key == fork.Meta.Key || rc.Key == v.Meta.Key) {
			t.Errorf("%s: %+v", rc.Key, rc.Losses)
		}
	}
	back, _ := drivertest.Export(t, dst)
	for id, want := range map[string]string{"1f1e6e7c-ffff-6b30-8003-000000000000": "Foggy in", "1f1e6e7c-8deb-6b30-8002-93bdb05d456b": "Sunny in"} {
		cp := get[*pb.Checkpoint](t, back, agentstate.Key("checkpoint", "thread-interrupt", "", id))
		i := slices.IndexFunc(cp.Channels, func(c *pb.ChannelRef) bool { return c.Channel == "messages" })
		if v := get[*pb.ChannelValue](t, back, cp.Channels[i].ValueKey); !bytes.Contains(v.Value.GetInline(), []byte(want)) {
			t.Errorf("%s does not show %q: version %s", id, want, v.Version)
		}
	}
}

// TestInherited: a checkpoint that JavaScript loaded and saved again drops what was undefined; it
// is the same version and the same value.
func TestInherited(t *testing.T) {
	m, _ := drivertest.Export(t, SQLite(sample(t, "js.sqlite")))
	n := 0
	for _, rc := range apply(t, postgres(t, pgtest.Database(t)), m, false) {
		if rc.Action == replay.Refused {
			t.Errorf("%s: %s", rc.Key, rc.Why)
		}
		if rc.Action == replay.Skipped && len(rc.Losses) == 1 && rc.Losses[0].Grade == fidelity.Equivalent {
			n++
		}
	}
	if n != 3 { // one in each of the three threads that were resumed
		t.Errorf("%d inherited values, want 3", n)
	}
}

// TestForkReadBack: a value whose version was moved is found under the one that it has in PostgreSQL, by a
// run that wrote it and by one that found it there; undo takes it out.
func TestForkReadBack(t *testing.T) {
	t.Run("short id", func(t *testing.T) { forkReadBack(t, forked) })
	const longer = " SET thread_id = thread_id || printf('%.*c', 1400, 'x')" // than a key holds
	t.Run("long id", func(t *testing.T) { forkReadBack(t, forked, "UPDATE checkpoints"+longer, "UPDATE writes"+longer) })
	const channel = "printf('%.*c', 1400, 'c')"
	renamed := []string{forked, `UPDATE checkpoints SET checkpoint = CAST(replace(CAST(checkpoint AS TEXT), '"messages":', '"' || ` + channel + ` || '":') AS BLOB)`,
		"UPDATE writes SET channel = " + channel + " WHERE channel = 'messages'"}
	t.Run("long channel", func(t *testing.T) { forkReadBack(t, renamed...) })
	t.Run("long id and channel", func(t *testing.T) {
		forkReadBack(t, append(renamed, "UPDATE checkpoints"+longer, "UPDATE writes"+longer)...)
	})
	const ns = " SET checkpoint_ns = printf('%.*c', 1400, 'n') || checkpoint_ns"
	t.Run("long namespace", func(t *testing.T) { forkReadBack(t, forked, "UPDATE checkpoints"+ns, "UPDATE writes"+ns) })
}

func forkReadBack(t *testing.T, sql ...string) {
	p := sample(t, "js.sqlite")
	run(t, p, false, sql...)
	m, _ := drivertest.Export(t, SQLite(p))
	dst := postgres(t, pgtest.Database(t))
	var first *replay.Journal
	for _, want := range []replay.Action{replay.Created, replay.Same} {
		j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		if first == nil {
			first = j
		}
		rep, err := replay.Apply(t.Context(), dst, m, &replay.Options{Journal: j})
		if err != nil || rep.Actions[want] < 200 || rep.Actions[want]+rep.Actions[replay.Skipped] != rep.Records {
			t.Fatalf("%v: %v %v", want, err, rep.Actions)
		}
		back, err := replay.ReadBack(t.Context(), m, dst, j)
		if err != nil {
			t.Fatal(err)
		}
		moved := slices.ContainsFunc(back.Extra, func(key string) bool { return strings.Contains(key, "//messages/4.") })
		if back.MissingN > 0 || back.UnannouncedN > 0 || moved {
			t.Errorf("%v: missing %v, not announced %v, extra %v", want, back.Missing, back.Unannounced, back.Extra)
		}
	}
	u, err := replay.Undo(t.Context(), dst, first)
	if err != nil || u.LeftN > 0 || u.Removed < 200 {
		t.Errorf("undo: %+v %v", u, err)
	}
	for table, rows := range tableRows(t, dst) {
		if len(rows) > 0 && table != "checkpoint_migrations" {
			t.Errorf("undo left %d rows of %s", len(rows), table)
		}
	}
}

// A key of an item that holds a part of an id alone names no row: undo says that it left it.
func TestUndoOfACutKey(t *testing.T) {
	u := &undo{lay: &layout{t: map[string]*table{"store": {name: "store", key: []string{"prefix", "key"}}}}}
	for _, name := range []string{"short", strings.Repeat("x", 2000)} {
		rows, err := u.rowsOf(t.Context(), agentstate.Key("memory", "ns", name))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok := parseRowID(rows[0]); ok != (name == "short") {
			t.Errorf("%.20s…: %.100s", name, rows)
		}
	}
}

// A value that is changed in place at every step has hundreds of versions between one number and the next: no two
// of them are one, and JavaScript counts on and spells them as PostgreSQL does.
func TestBranchVersions(t *testing.T) {
	w := &writer{lay: &layout{lang: javascript}}
	for n, salts := range map[int64]int{0: 2000, 3: 2000, 1<<20 - 1: 2000, 1 << 20: 100, 1<<31 - 1: 100} {
		seen := map[string]bool{}
		for i := range salts {
			got, ok := w.branchVersion(strconv.FormatInt(n, 10), strconv.Itoa(i))
			f, err := strconv.ParseFloat(got, 64)
			if !ok || err != nil || seen[got] || f-float64(n) < 1e-6 || f >= float64(n+1) || f+1 <= float64(n+1) || f+1 >= float64(n+2) {
				t.Fatalf("%d, %d: %s", n, i, got)
			}
			seen[got] = true
		}
	}
}

// TestSnapshotBumps: a version that JavaScript counted for a snapshot alone is marked as one that a node has not read. A mark of the
// version before it stays.
func TestSnapshotBumps(t *testing.T) {
	const doc = `{"channel_versions":{"log":%[1]s},"versions_seen":{"__snapshot_bumps__":{"a:log":2,"a|log":%[1]s,"b|log":2},"a":{"log":%[1]s},"b":{"log":2}}}`
	got, err := renumber(fmt.Appendf(nil, doc, "3"), map[string]move{"log": {from: "3", to: "3.25"}})
	if want := fmt.Sprintf(doc, "3.25"); err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

// The library adds one to the highest version of a checkpoint. What it counts to must not be there already, as a version of
// another branch that was moved for the same reason: PostgreSQL would keep that, and forget what is written.
func TestBranchVersionsGoOn(t *testing.T) {
	w := &writer{lay: &layout{lang: javascript}}
	number := func(s string) float64 {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for n := range 200 {
		version, next := strconv.Itoa(n), strconv.Itoa(n+1)
		from, _ := w.branchVersion(version, "empty")
		if taken, _ := w.branchVersion(next, "empty"); number(from)+1 == number(taken) {
			t.Fatalf("from %s the library counts to %s", from, taken)
		}
		c := &pb.Checkpoint{Meta: &pb.Meta{Key: fmt.Sprint("checkpoint/t//", n), Labels: []*pb.Label{{Name: labelAhead, Value: "300"}}}}
		moved := map[string]move{}
		w.between(c, &values.Checkpoint{Channels: []values.Channel{{Name: channelStart, Version: version}}}, nil, moved)
		if to := moved[channelStart].to; number(to) <= number(from) || number(to) >= float64(n+1) {
			t.Fatalf("it counts apart at %s, and goes on from %s", to, from)
		}
	}
}

// A run that made nothing is undone, though there is no database.
func TestUndoOfNothing(t *testing.T) {
	p := filepath.Join(t.TempDir(), "none.sqlite")
	left, err := drivertest.Undo(t.Context(), SQLite(p), &replay.Run{}, []replay.Receipt{{Key: "memory/x", Action: replay.Created}})
	if _, stat := os.Stat(p); err != nil || left != nil || !os.IsNotExist(stat) {
		t.Errorf("left %v, error %v, file %v", left, err, stat)
	}
}
