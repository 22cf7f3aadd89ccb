package openaiagents

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// lost are the columns that a plan loses, with the number of records.
func lost(t *testing.T, dst replay.Target, src agentstate.Source) map[string]uint64 {
	t.Helper()
	rep, err := replay.Plan(t.Context(), dst, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rep.LossCount
}

// Columns that an application added go to a table that has them, and are named where it has none.
func TestAddedColumns(t *testing.T) {
	add := []string{`ALTER TABLE agent_sessions ADD COLUMN "tenant id"`, "ALTER TABLE agent_messages ADD COLUMN score REAL", "ALTER TABLE agent_messages ADD COLUMN note DEFAULT 'none'", "ALTER TABLE turn_usage ADD COLUMN cost"}
	usage := createExtra("turn_usage", ownNames())
	src := made(t, append(append(usage, add...),
		`UPDATE agent_sessions SET "tenant id" = 'acme'`,
		`INSERT INTO agent_messages (session_id, message_data, score, note) VALUES ('s', '{"role":"user","content":"a"}', 0.5, x'00ff'), ('s', '{"role":"user","content":"b"}', NULL, NULL)`,
		fmt.Sprintf(`INSERT INTO agent_messages (session_id, message_data, note) VALUES ('s', '%s', '%s')`, `{"role":"user","content":"c"}`, strings.Repeat("n", agentstate.SpillSize+10)),
		`INSERT INTO turn_usage (session_id, user_turn_number, cost) VALUES ('s', 1, 2)`)...)
	mem, rep := drivertest.Export(t, src)
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v", rep.Verdict)
	}
	// Into an empty place: the library's own tables, and what is lost is named.
	want := map[string]uint64{"conversation.native.tenant id": 1, "message.native.score": 1, "message.native.note": 2, "run.native.cost": 1}
	fresh := Open(filepath.Join(t.TempDir(), "copy"))
	if d := cmp.Diff(want, lost(t, fresh, mem)); d != "" {
		t.Errorf("lost: %s", d)
	}
	_, j, _ := apply(t, fresh, mem)
	if back, err := replay.ReadBack(t.Context(), mem, fresh, j); err != nil || back.MissingN+back.ExtraN+back.UnannouncedN != 0 {
		t.Errorf("%+v %v", back, err)
	}
	if got := dump(t, fresh.root)["s.db agent_messages"]; strings.Contains(got, "note") {
		t.Errorf("a column was made: %s", got)
	}
	// Into tables of the same application: all of it, and out again.
	empty := append([]string{"DELETE FROM agent_sessions"}, append(usage, add...)...)
	same := made(t, empty...)
	before := dump(t, same.root)
	if got := lost(t, same, mem); len(got) > 0 {
		t.Errorf("lost: %v", got)
	}
	_, j, _ = apply(t, same, mem)
	if d := cmp.Diff(dump(t, src.root), dump(t, same.root)); d != "" {
		t.Errorf("of the same application: %s", d)
	}
	if back, err := replay.ReadBack(t.Context(), mem, same, j); err != nil || back.Same != back.Records {
		t.Errorf("%+v %v", back, err)
	}
	left, err := replay.Undo(t.Context(), same, j)
	if err != nil || len(left.Left) > 0 {
		t.Errorf("undo: %+v %v", left, err)
	}
	after := dump(t, same.root)
	for _, d := range []map[string]string{before, after} {
		delete(d, "s.db sqlite_sequence") // counters never go back
	}
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("undone: %s", d)
	}
	// Another value in such a column is another row.
	_, _, _ = apply(t, same, mem)
	change(t, filepath.Join(same.root, "s.db"), "UPDATE agent_messages SET score = 7 WHERE score IS NOT NULL")
	got, _, _ := apply(t, same, mem)
	if len(got.Conflicts) != 1 {
		t.Errorf("%+v", got)
	}
}

// A column of the target alone, with a DEFAULT, gets its value: that is said before, is no surprise in read-back, and does not keep an undo
// from the row.
func TestFilledColumns(t *testing.T) {
	src := made(t, "ALTER TABLE agent_messages ADD COLUMN score REAL", `INSERT INTO agent_messages (session_id, message_data, score) VALUES ('s', '{"role":"user","content":"a"}', 0.5)`)
	pgPair := append(createPostgres(newPGPair("public", ownNames())), "ALTER TABLE agent_messages ADD score float8")
	fill := []string{"ALTER TABLE agent_sessions ADD COLUMN owner TEXT NOT NULL DEFAULT 'nobody'", "ALTER TABLE agent_messages ADD COLUMN tenant TEXT DEFAULT 'acme'",
		"ALTER TABLE agent_messages ADD COLUMN empty TEXT DEFAULT NULL"}
	check := func(t *testing.T, src agentstate.Source, dst replay.Target) {
		t.Helper()
		mem, _ := drivertest.Export(t, src)
		if d := cmp.Diff(map[string]uint64{"conversation.native.owner": 1, "message.native.tenant": 1}, lost(t, dst, mem)); d != "" {
			t.Errorf("said: %s", d)
		}
		_, j, _ := apply(t, dst, mem)
		if back, err := replay.ReadBack(t.Context(), mem, dst.(agentstate.Source), j); err != nil || back.MissingN+back.ExtraN+back.UnannouncedN != 0 || back.Announced != 2 {
			t.Errorf("%+v %v", back, err)
		}
		if left, err := replay.Undo(t.Context(), dst, j); err != nil || len(left.Left) > 0 {
			t.Errorf("undo: %+v %v", left, err)
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		check(t, src, made(t, append([]string{"DELETE FROM agent_sessions", "ALTER TABLE agent_messages ADD COLUMN score REAL"}, fill...)...))
	})
	t.Run("postgres", func(t *testing.T) {
		from := pgtest.Database(t, append(pgPair, "INSERT INTO agent_sessions (session_id) VALUES ('s')", `INSERT INTO agent_messages (session_id, message_data, score) VALUES ('s', '{"role":"user","content":"a"}', 0.5)`)...)
		check(t, postgres(t, from), postgres(t, pgtest.Database(t, append(pgPair, fill...)...)))
	})
}

// Names of tables that a program wrote in another case, or within quotes, are those that SQLite takes them for.
func TestTableNames(t *testing.T) {
	src := Open(t.TempDir())
	for _, p := range []pair{{"agent_sessions", "one"}, {"Agent_Sessions", "two"}, {`"user sessions"`, "three"}, {`"order"`, "four"}} {
		change(t, filepath.Join(src.root, "s.db"), strings.ReplaceAll(strings.Join(createPair(plainSQLite, pair{"placeholder_of", p.Messages}), ";"), "placeholder_of", p.Sessions),
			"INSERT OR IGNORE INTO "+p.Sessions+" (session_id) VALUES ('s')", "INSERT INTO "+p.Messages+` (session_id, message_data) VALUES ('s', '{"role":"user","content":"`+p.Messages+`"}')`)
	}
	structure := createExtra("message_structure", pair{"AGENT_SESSIONS", "TWO"})
	change(t, filepath.Join(src.root, "s.db"), append(structure, "INSERT INTO message_structure (session_id, message_id, message_type, sequence_number) VALUES ('s', 1, 'user', 1)")...)
	mem, rep := drivertest.Export(t, src)
	if rep.Verdict.Coverage != agentstate.Reconciled || rep.Records["message"] != 4 {
		t.Fatalf("%v %v", rep.Records, rep.Verdict)
	}
	for r, err := range mem.Records(t.Context(), nil) {
		if o, ok := r.(*pb.Opaque); err != nil || ok && strings.HasPrefix(o.Meta.Key, "opaque/s.db/message_structure/") && !slices.Contains(o.AboutKeys, "message/s.db%23two/1") {
			t.Errorf("%v %v", o, err)
		}
	}
	dst := Open(t.TempDir())
	_, j, _ := apply(t, dst, mem)
	if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.Same != back.Records || back.MissingN+back.ExtraN != 0 {
		t.Errorf("%+v %v", back, err)
	}
}

// A target that has a table of the archive in another case is refused, before anything is written.
func TestOtherCaseOfTarget(t *testing.T) {
	src, _ := drivertest.Export(t, made(t, chat()...))
	for _, p := range []pair{{"Agent_Sessions", "AGENT_MESSAGES"}, {"Agent_Sessions", "mine"}} {
		dst := Open(t.TempDir())
		change(t, filepath.Join(dst.root, "s.db"), createPair(plainSQLite, p)...)
		j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "j"))
		if err != nil {
			t.Fatal(err)
		}
		_, planned := replay.Plan(t.Context(), dst, src, nil)
		_, applied := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j})
		j.Close()
		for _, err := range []error{planned, applied} {
			if !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), `s.db has the table "A`) {
				t.Errorf("%v: %v", p, err)
			}
		}
	}
}

// A database whose tables are not known is a gap beside others, and alone an error.
func TestUnknownBesideOthers(t *testing.T) {
	f := made(t, `INSERT INTO agent_messages (session_id, message_data) VALUES ('s', '{"role":"user","content":"a"}')`)
	change(t, filepath.Join(f.root, "old.db"), "CREATE TABLE agent_sessions (session_id TEXT PRIMARY KEY)", "CREATE TABLE agent_messages (session_id TEXT REFERENCES agent_sessions, message_data TEXT)")
	// A table of an application that only has such columns is none of the SDK's. Beside sessions it is named.
	change(t, filepath.Join(f.root, "s.db"), "CREATE TABLE users (id INT)", "CREATE TABLE chat_log (session_id TEXT, message_data TEXT, at INT)",
		"CREATE TRIGGER audit AFTER INSERT ON agent_messages BEGIN INSERT INTO users VALUES (new.id); END",
		"CREATE UNIQUE INDEX once ON agent_messages (session_id, message_data)", "CREATE INDEX by_day ON agent_sessions (created_at)", "CREATE INDEX own_users ON users (id)", "CREATE VIEW last AS SELECT max(id) FROM agent_messages")
	change(t, filepath.Join(f.root, "own.db"), "CREATE TABLE chat_log (session_id TEXT, message_data TEXT, at INT)")
	put(t, f.root, "own.json", []byte(`{"session": "s", "turns": [{"role": "user", "content": "hi"}]}`))
	put(t, f.root, "redis/dump.rdb", []byte("REDIS0011\xfa"))
	mem := &memstate.State{}
	rep, err := agentstate.Copy(t.Context(), mem, f, nil)
	if err != nil || rep.Records["message"] != 1 || rep.Verdict.Coverage != agentstate.Gaps {
		t.Errorf("%v %v %v", rep.Records, rep.Verdict, err)
	}
	for _, note := range []string{"s.db: 2 tables of an application are not carried: chat_log, users", "s.db: 1 triggers of an application are not carried: audit",
		"s.db: 2 indexes of an application are not carried: by_day, once", "s.db: 1 views of an application are not carried: last",
		"JSON files that are neither run states nor lists of items are not carried (1): own.json", "dumps of Redis and MongoDB are not read (1): redis/dump.rdb"} {
		if p, err := f.Preflight(t.Context()); err != nil || !slices.Contains(p.Notes, note) {
			t.Errorf("%v %v", p, err)
		}
	}
	named := false
	for r, err := range mem.Records(t.Context(), nil) {
		g, ok := r.(*pb.Gap)
		named = named || ok && g.Place == "old.db" && strings.Contains(g.Detail, "supported: id, session_id, message_data, created_at")
		if err != nil {
			t.Fatal(err)
		}
	}
	if !named {
		t.Error("nothing says which database, and what is supported")
	}
}

// The same in PostgreSQL, where columns have types.
func TestAddedColumnsPostgres(t *testing.T) {
	add := `ALTER TABLE agent_sessions ADD COLUMN tenant uuid; ALTER TABLE agent_messages ADD COLUMN "cost in €" numeric(10,2), ADD COLUMN meta jsonb DEFAULT '{}', ADD COLUMN tags text[], ADD COLUMN size int GENERATED ALWAYS AS (length(message_data)) STORED`
	from := pgtest.Database(t, tables(ownNames()), add,
		`INSERT INTO agent_sessions VALUES ('s', '2026-11-23 16:21:40', '2026-11-23 16:21:41', '7d444840-9dc0-11d1-b245-5ffdce74fad2')`,
		`INSERT INTO agent_messages (session_id, message_data, created_at, "cost in €", meta, tags) VALUES ('s', '{"role":"user","content":"a"}', '2026-11-23 16:21:40', 1.50, '{"a": [1, 2.0]}', '{x,"y z"}'),
			('s', '{"role":"user","content":"b"}', '2026-11-23 16:21:41', NULL, NULL, NULL)`)
	mem, rep := drivertest.Export(t, postgres(t, from))
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v", rep.Verdict)
	}
	want := map[string]uint64{"conversation.native.tenant": 1, "message.native.cost in €": 1, "message.native.meta": 1, "message.native.tags": 1}
	if d := cmp.Diff(want, lost(t, postgres(t, pgtest.Database(t)), mem)); d != "" {
		t.Errorf("lost: %s", d)
	}
	to := pgtest.Database(t, tables(ownNames()), add)
	dst := postgres(t, to)
	if got := lost(t, dst, mem); len(got) > 0 {
		t.Errorf("lost: %v", got)
	}
	_, j, _ := apply(t, dst, mem)
	if d := cmp.Diff(dumpPG(t, from), dumpPG(t, to)); d != "" {
		t.Errorf("of the same application: %s", d)
	}
	if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.Same != back.Records || back.MissingN+back.ExtraN != 0 {
		t.Errorf("%+v %v", back, err)
	}
	if left, err := replay.Undo(t.Context(), dst, j); err != nil || len(left.Left) > 0 {
		t.Errorf("undo: %+v %v", left, err)
	}
	// A column of another type refuses its row alone.
	other := pgtest.Database(t, tables(ownNames()), "ALTER TABLE agent_messages ADD COLUMN tags int")
	got, _, _ := apply(t, postgres(t, other), mem)
	if len(got.Refused) != 1 || strings.Contains(got.Refused[0].Why, "y z") || got.Actions[replay.Created] != 2 {
		t.Errorf("%+v", got)
	}
}
