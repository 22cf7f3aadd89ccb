package mem0

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// A history that an older release of the Python package made, in other columns or in another order of them, is read
// as it is and becomes one of today's: mem0 itself does that when it opens one, and forgets texts by it. Each column that
// differs was announced.
func TestOlderHistory(t *testing.T) {
	for name, c := range map[string]struct{ columns, values, texts string }{
		"first":         {"id TEXT PRIMARY KEY, memory_id TEXT, prev_value TEXT, new_value TEXT, event TEXT, timestamp DATETIME, is_deleted INTEGER", "id, memory_id, old_memory, new_memory, event, created_at, is_deleted", "created_at"},
		"before actors": {"id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, new_value TEXT, event TEXT, created_at DATETIME, updated_at DATETIME, is_deleted INTEGER", "id, memory_id, old_memory, new_memory, 'x', event, created_at, updated_at, is_deleted", "created_at, updated_at"},
		"another order": {"id TEXT PRIMARY KEY, memory_id TEXT, event TEXT, old_memory TEXT, new_memory TEXT, created_at DATETIME, updated_at DATETIME, is_deleted INTEGER, role TEXT, actor_id TEXT", "id, memory_id, event, old_memory, new_memory, created_at, updated_at, is_deleted, role, actor_id", "created_at, updated_at, actor_id, role"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copied(t, "python")
			sqlOf(t, dir+"/history.db", "ALTER TABLE history RENAME TO today", "CREATE TABLE history ("+c.columns+")", "INSERT INTO history SELECT "+c.values+" FROM today", "DROP TABLE today")
			mem, rep := drivertest.Export(t, Open(dir))
			if v := rep.Verdict.Kinds["revision"]; v.Coverage != agentstate.Reconciled {
				t.Fatalf("%+v", v)
			}
			for _, flavor := range []string{"python", "js"} {
				dst := Open(filepath.Join(t.TempDir(), "new"))
				dst.flavor = flavor
				plan, err := replay.Plan(t.Context(), dst, mem, nil)
				if err != nil {
					t.Fatal(err)
				}
				rep, journal := apply(t, dst, mem)
				for what, notes := range map[string][]string{"plan": plan.Notes, "replay": rep.Notes} {
					if told := slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "0.1.5 fails on one of today's") }); told != (flavor == "python" && name != "another order") {
						t.Errorf("%s into %s: that the release which made it may not read it was told: %t", what, flavor, told)
					}
				}
				j, err := replay.OpenJournal(journal)
				if err != nil {
					t.Fatal(err)
				}
				defer j.Close()
				if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 {
					t.Errorf("%s: %+v %v", flavor, back, err)
				}
				want := rowsOf(t, opens(t, "testdata/python/history.db"), "SELECT memory_id, old_memory, new_memory, event, is_deleted, "+c.texts+" FROM history ORDER BY id")
				got := rowsOf(t, opens(t, dst.root+"/history.db"), map[string]string{
					"python": "SELECT memory_id, old_memory, new_memory, event, is_deleted, " + c.texts + " FROM history ORDER BY id",
					"js":     "SELECT memory_id, previous_value, new_value, action, is_deleted FROM memory_history ORDER BY id"}[flavor])
				if flavor == "js" {
					want = rowsOf(t, opens(t, "testdata/python/history.db"), "SELECT memory_id, old_memory, new_memory, event, is_deleted FROM history ORDER BY rowid")
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%s: %s", flavor, d)
				}
			}
			if p, err := replay.Plan(t.Context(), Open(dir), mem, nil); err != nil || p.Actions[replay.Created]+p.Actions[replay.Conflict]+p.Actions[replay.Refused] != 0 {
				t.Errorf("into the older one itself: %+v %v", p, err)
			}
			today, _ := drivertest.Export(t, Open("testdata/python"))
			if _, err := replay.Plan(t.Context(), Open(dir), today, nil); (name == "another order") == errors.Is(err, ErrSchema) {
				t.Errorf("today's into the older one: %v", err)
			}
		})
	}
}

// A place that the older release made takes a state of its own as it is: that release reads no other history, and
// empties one of today's when it fails to make it its own.
func TestOlderHistoryInItsOwnPlace(t *testing.T) {
	older := func(rows string) string {
		dir := copied(t, "python")
		sqlOf(t, dir+"/history.db", "ALTER TABLE history RENAME TO today", "CREATE TABLE history (id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, new_value TEXT, event TEXT, created_at DATETIME, updated_at DATETIME, is_deleted INTEGER)",
			"INSERT INTO history SELECT id, memory_id, old_memory, new_memory, 'x', event, created_at, updated_at, is_deleted FROM today WHERE "+rows, "DROP TABLE today", "DROP TABLE messages")
		return dir
	}
	mem, _ := drivertest.Export(t, Open(older("1")))
	dst := Open(older("0"))
	_, journal := apply(t, dst, mem)
	j, err := replay.OpenJournal(journal)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.UnannouncedN+back.ExtraN != 0 || back.Same != back.Records {
		t.Errorf("%+v %v", back, err)
	}
	j.Close()
	undo(t, dst, journal)
	if n := len(rowsOf(t, opens(t, dst.root+"/history.db"), "SELECT id FROM history")); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// A history of a release before the messages takes those of a state.
func TestHistoryBeforeMessages(t *testing.T) {
	for _, from := range []string{"python", "js"} {
		mem, _ := drivertest.Export(t, Open("testdata/"+from))
		dst := Open(copied(t, "python"))
		sqlOf(t, dst.root+"/history.db", "DROP TABLE messages")
		if p, err := replay.Plan(t.Context(), dst, mem, nil); err != nil || p.Actions[replay.Refused] != 0 {
			t.Errorf("%s: %+v %v", from, p, err)
		}
		if rep, _ := apply(t, dst, mem); rep.Actions[replay.Refused] != 0 {
			t.Errorf("%s: %+v", from, rep)
		}
		want := rowsOf(t, opens(t, "testdata/"+from+"/history.db"), "SELECT id, session_scope, role, content FROM messages ORDER BY id")
		if d := cmp.Diff(want, rowsOf(t, opens(t, dst.root+"/history.db"), "SELECT id, session_scope, role, content FROM messages ORDER BY id")); d != "" || len(want) == 0 {
			t.Errorf("%s: %s", from, d)
		}
	}
}
