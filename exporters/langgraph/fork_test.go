package langgraph

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/exportertest"
)

// TestForkReadBack: a value whose version was moved is found under the one that it has in PostgreSQL, by a
// run that wrote it and by one that found it there; undo takes it out.
func TestForkReadBack(t *testing.T) {
	t.Run("short id", func(t *testing.T) { forkReadBack(t, forked) })
	const longer = " SET thread_id = thread_id || printf('%.*c', 1400, 'x')" // than a key holds
	t.Run("long id", func(t *testing.T) { forkReadBack(t, forked, "UPDATE checkpoints"+longer, "UPDATE writes"+longer) })
}

func forkReadBack(t *testing.T, sql ...string) {
	p := sample(t, "js.sqlite")
	run(t, p, false, sql...)
	m, _ := exportertest.Export(t, SQLite(p))
	dst := postgres(t, database(t))
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

// A key that holds a part of an id alone names no row: undo says that it left it.
func TestUndoOfACutKey(t *testing.T) {
	u := &undo{lay: &layout{t: map[string]*table{"store": {name: "store", key: []string{"prefix", "key"}}}}}
	for _, name := range []string{"short", strings.Repeat("x", 2000)} {
		rows := u.rowsOf(agentstate.Key("memory", "ns", name))
		if _, _, ok := parseRowID(rows[0]); ok != (name == "short") {
			t.Errorf("%.20s…: %.100s", name, rows)
		}
	}
}
