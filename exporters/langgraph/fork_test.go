package langgraph

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/exportertest"
)

// TestForkReadBack: a value whose version was moved is found under the one that it has in PostgreSQL, by a
// run that wrote it and by one that found it there; undo takes it out.
func TestForkReadBack(t *testing.T) {
	p := sample(t, "js.sqlite")
	run(t, p, false, forked)
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
