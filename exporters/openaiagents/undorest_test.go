package openaiagents

import (
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// talks is a state of another runtime.
func talks() *memstate.State {
	var recs []agentstate.Record
	for _, c := range []string{"a", "b"} {
		recs = append(recs, &pb.Conversation{Meta: agentstate.Meta("conversation", nil, c)},
			&pb.Message{Meta: agentstate.Meta("message", nil, c, "1"), ConversationKey: "conversation/" + c, Position: 1, Role: pb.Role_ROLE_USER, Parts: []*pb.Part{{Body: &pb.Part_Text{Text: "hi"}}}})
	}
	return memstate.Whole("elsewhere", recs...)
}

// ours are two tables with names of an application, and a row in each.
func ours(create []string) []string {
	return append(create, `INSERT INTO our_sessions VALUES ('s', '2026-11-29 10:00:00', '2026-11-29 10:00:00')`,
		`INSERT INTO our_messages (id, session_id, message_data, created_at) VALUES (1, 's', '{"role":"user","content":"hi"}', '2026-11-29 10:00:00')`)
}

// What was in tables that somebody dropped is gone, and the rest of the run is taken out: sessions without a table of
// items, items without one of sessions.
func TestUndoOfADroppedTable(t *testing.T) {
	state := func(name string) func(*testing.T) *memstate.State {
		return func(t *testing.T) *memstate.State {
			dir := t.TempDir()
			put(t, dir, foreignFile, sample(t, name))
			mem, _ := drivertest.Export(t, Open(dir))
			return mem
		}
	}
	own := func(t *testing.T) *memstate.State {
		dir := t.TempDir()
		change(t, filepath.Join(dir, foreignFile), ours(createPair(plainSQLite, pair{"our_sessions", "our_messages"}))...)
		mem, _ := drivertest.Export(t, Open(dir))
		return mem
	}
	other := func(*testing.T) *memstate.State { return talks() }
	for name, c := range map[string]struct {
		state func(*testing.T) *memstate.State
		drop  string
	}{
		"sessions": {state("sessions.sqlite"), "agent_sessions"}, "messages": {state("sessions.sqlite"), "agent_messages"}, "both": {state("sessions.sqlite"), "agent_messages agent_sessions"},
		"own sessions": {own, "our_sessions"}, "own messages": {own, "our_messages"}, "structure": {state("advanced.sqlite"), "message_structure"}, "usage": {state("advanced.sqlite"), "turn_usage"},
		"sessions of another": {other, "agent_sessions"}, "messages of another": {other, "agent_messages"}, "both of another": {other, "agent_messages agent_sessions"},
	} {
		t.Run(name, func(t *testing.T) {
			dst := Open(filepath.Join(t.TempDir(), "new"))
			_, j, _ := apply(t, dst, c.state(t))
			file := filepath.Join(dst.root, foreignFile)
			var drops []string
			gone := uint64(0)
			for table := range strings.FieldsSeq(c.drop) {
				gone += uint64(len(rows(t, file, "SELECT 1 FROM "+table)))
				drops = append(drops, "DROP TABLE "+table)
			}
			change(t, file, drops...)
			rep, err := replay.Undo(t.Context(), dst, j)
			if err != nil || rep.LeftN != 0 || rep.Gone != gone || gone == 0 {
				t.Fatalf("%+v, want %d gone: %v", rep, gone, err)
			}
			for _, n := range rows(t, file, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'") {
				if slices.Contains(strings.Fields(c.drop), n) || len(rows(t, file, "SELECT 1 FROM "+n)) > 0 {
					t.Errorf("%s is there, or holds rows", n)
				}
			}
		})
	}
}

// So it is in PostgreSQL, where the key that leads from items to sessions goes with the sessions.
func TestUndoOfADroppedTableOfPostgres(t *testing.T) {
	own := func(t *testing.T) *memstate.State {
		mem, _ := drivertest.Export(t, postgres(t, pgtest.Database(t, ours([]string{tables(pair{"our_sessions", "our_messages"})})...)))
		return mem
	}
	other := func(*testing.T) *memstate.State { return talks() }
	for name, c := range map[string]struct {
		state func(*testing.T) *memstate.State
		drop  string
	}{
		"own sessions": {own, "our_sessions"}, "own messages": {own, "our_messages"},
		"sessions of another": {other, "agent_sessions"}, "messages of another": {other, "agent_messages"}, "both of another": {other, "agent_messages, agent_sessions"},
	} {
		t.Run(name, func(t *testing.T) {
			u := pgtest.Database(t)
			dst := postgres(t, u)
			_, j, _ := apply(t, dst, c.state(t))
			gone := uint64(0)
			for table := range strings.SplitSeq(c.drop, ", ") {
				gone += uint64(len(pgtest.Rows(t, u, "SELECT ''::text FROM "+table)))
			}
			pgtest.Exec(t, u, "DROP TABLE "+c.drop+" CASCADE")
			rep, err := replay.Undo(t.Context(), dst, j)
			if err != nil || rep.LeftN != 0 || rep.Gone != gone || gone == 0 {
				t.Fatalf("%+v, want %d gone: %v", rep, gone, err)
			}
			for _, n := range pgtest.Rows(t, u, "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace") {
				if strings.Contains(c.drop, n) || len(pgtest.Rows(t, u, "SELECT ''::text FROM "+n)) > 0 {
					t.Errorf("%s is there, or holds rows", n)
				}
			}
		})
	}
}

// A table of another program that has the name of the SDK's, which the run did not use, keeps no undo from its rows.
func TestUndoBesideAnothersTable(t *testing.T) {
	const another = "CREATE TABLE agent_sessions (id INTEGER PRIMARY KEY)"
	undone := func(t *testing.T, dst replay.Target, j *replay.Journal) {
		t.Helper()
		if rep, err := replay.Undo(t.Context(), dst, j); err != nil || rep.LeftN+rep.Gone != 0 || rep.Removed == 0 {
			t.Fatalf("%+v %v", rep, err)
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		src, dst := Open(t.TempDir()), Open(t.TempDir())
		change(t, filepath.Join(src.root, foreignFile), ours(createPair(plainSQLite, pair{"our_sessions", "our_messages"}))...)
		mem, _ := drivertest.Export(t, src)
		_, j, _ := apply(t, dst, mem)
		change(t, filepath.Join(dst.root, foreignFile), another)
		undone(t, dst, j)
	})
	t.Run("postgres", func(t *testing.T) {
		mem, _ := drivertest.Export(t, postgres(t, pgtest.Database(t, ours([]string{tables(pair{"our_sessions", "our_messages"})})...)))
		u := pgtest.Database(t, another)
		dst := postgres(t, u)
		_, j, _ := apply(t, dst, mem)
		undone(t, dst, j)
	})
}

// A column of an application in a table of sessions that two tables of items share is carried once.
func TestSharedSessions(t *testing.T) {
	src := Open(t.TempDir())
	create := createPair(plainSQLite, pair{"agent_sessions", "more_messages"})
	change(t, filepath.Join(src.root, foreignFile), append(append(createPair(plainSQLite, ownNames()), create...), "ALTER TABLE agent_sessions ADD COLUMN team TEXT",
		"INSERT INTO agent_sessions VALUES ('s', '2026-11-29 10:00:00', '2026-11-29 10:00:00', 'blue')")...)
	mem, _ := drivertest.Export(t, src)
	dst := Open(t.TempDir())
	change(t, filepath.Join(dst.root, foreignFile), append(append(createPair(plainSQLite, ownNames()), create...), "ALTER TABLE agent_sessions ADD COLUMN team TEXT")...)
	rep, j, _ := apply(t, dst, mem)
	if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 || len(rep.Refused) > 0 {
		t.Errorf("%+v %v %v", back, rep.Refused, err)
	}
	if got := rows(t, filepath.Join(dst.root, foreignFile), "SELECT team FROM agent_sessions"); !slices.Equal(got, []string{"blue"}) {
		t.Errorf("%v", got)
	}
}

// rows are what a query of one column answers.
func rows(t *testing.T, path, q string) (out []string) {
	t.Helper()
	c, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Query(q)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	for got.Next() {
		var s string
		if err := got.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := got.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestUndoUntouched: an undo that took nothing out leaves the run open.
func TestUndoUntouched(t *testing.T) {
	b, err := os.ReadFile("testdata/sdk/runstate.paused.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "paused.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	src, _ := drivertest.Export(t, Open(dir))
	root := filepath.Join(t.TempDir(), "new")
	drivertest.Unreadable(t, Open(root), src, root)
}
