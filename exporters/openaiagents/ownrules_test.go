package openaiagents

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// chat are three sessions: one of them has a name that is refused below, and one a message.
func chat() []string {
	return []string{
		`INSERT INTO agent_sessions (session_id) VALUES ('good'), ('banned'), ('other')`,
		`INSERT INTO agent_messages (session_id, message_data) VALUES ('good', '{"role":"user","content":"a"}'), ('banned', '{"role":"user","content":"b"}'), ('other', '{"role":"user","content":"s3cret"}'), ('other', '{"role":"user","content":"c"}')`,
	}
}

// TestOwnRules: a plan names what an application put on the SDK's tables that may keep rows out, and nothing of the SDK's own. What
// is kept out costs its record, and what hangs on it.
func TestOwnRules(t *testing.T) {
	const check = "CHECK (session_id <> 'banned')"
	want := map[string]uint64{"create conversation": 2, "refuse conversation": 1, "create message": 2, "refuse message": 2}
	rules := func(t *testing.T, dst replay.Target, src agentstate.Source, want ...string) {
		t.Helper()
		rep, err := replay.Plan(t.Context(), dst, src, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, rep.Rules); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	t.Run("postgres", func(t *testing.T) {
		src, _ := drivertest.Export(t, made(t, append(chat(), "DELETE FROM agent_sessions WHERE session_id = 's'")...))
		u := pgtest.Database(t)
		dst := postgres(t, u)
		pgtest.Exec(t, u, createPostgres(newPGPair("public", ownNames()))...)
		rules(t, dst, src)
		pgtest.Exec(t, u, "ALTER TABLE agent_sessions ADD CONSTRAINT named "+check, `CREATE FUNCTION raises() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.message_data LIKE '%s3cret%' THEN RAISE EXCEPTION 'not %', NEW.message_data; END IF; RETURN NEW; END $$`,
			"CREATE TRIGGER looks BEFORE INSERT ON agent_messages FOR EACH ROW EXECUTE FUNCTION raises()")
		rules(t, dst, src, "trigger looks on public.agent_messages", "CHECK named on public.agent_sessions")
		drivertest.Partly(t, dst, src, want)

		from := pgtest.Database(t, createPostgres(newPGPair("public", ownNames()))...) // as they are
		pgtest.Exec(t, from, chat()...)
		exact, _ := drivertest.Export(t, postgres(t, from))
		rules(t, dst, exact, "trigger looks on public.agent_messages", "CHECK named on public.agent_sessions")
		drivertest.Partly(t, dst, exact, want)
		pgtest.Exec(t, u, "DROP TRIGGER looks ON agent_messages", "CREATE INDEX own ON agent_messages ((1 / (CASE WHEN message_data LIKE '%s3cret%' THEN 0 ELSE 1 END)))", "CREATE INDEX beside ON agent_messages (message_data)")
		rules(t, dst, exact, "INDEX beside on public.agent_messages", "INDEX own on public.agent_messages", "CHECK named on public.agent_sessions")
		drivertest.Partly(t, dst, src, want)
		drivertest.Partly(t, dst, exact, want)
		pgtest.Exec(t, u, "DROP INDEX beside; DROP INDEX own")
		pgtest.Exec(t, u, "ALTER TABLE agent_messages ADD tenant text NOT NULL")
		rules(t, dst, exact, "NOT NULL tenant on public.agent_messages", "CHECK named on public.agent_sessions")
	})
	t.Run("sqlite", func(t *testing.T) {
		src, _ := drivertest.Export(t, made(t, append(chat(), "DELETE FROM agent_sessions WHERE session_id = 's'")...))
		dst := made(t, append(createExtra("turn_usage", ownNames()), createExtra("message_structure", ownNames())...)...)
		rules(t, dst, src)
		q := strings.Replace(createPair(plainSQLite, ownNames())[0], "PRIMARY KEY", "PRIMARY KEY "+check, 1)
		change(t, filepath.Join(dst.root, "s.db"), "DROP TABLE agent_sessions", q,
			"CREATE TRIGGER looks BEFORE INSERT ON agent_messages WHEN NEW.message_data LIKE '%s3cret%' BEGIN SELECT RAISE(ABORT, 's3cret'); END")
		rules(t, dst, src, "CHECK on agent_sessions in s.db", "trigger looks on agent_messages in s.db")
		drivertest.Partly(t, dst, src, want)

		foreign := pgtest.Database(t, createPostgres(newPGPair("public", ownNames()))...) // items anew
		pgtest.Exec(t, foreign, chat()...)
		anew, _ := drivertest.Export(t, postgres(t, foreign))
		change(t, filepath.Join(dst.root, "s.db"), "VACUUM INTO '"+filepath.Join(dst.root, foreignFile)+"'")
		rules(t, dst, anew, "CHECK on agent_sessions in "+foreignFile, "trigger looks on agent_messages in "+foreignFile)
		drivertest.Partly(t, dst, anew, want)
	})
}

// TestHangsOn: what AdvancedSQLiteSession notes of a session that is kept out is kept out with it.
func TestHangsOn(t *testing.T) {
	extra := append(createExtra("turn_usage", ownNames()), createExtra("message_structure", ownNames())...)
	src, _ := drivertest.Export(t, made(t, append(slices.Concat(extra, chat()), "DELETE FROM agent_sessions WHERE session_id = 's'",
		"INSERT INTO turn_usage (session_id, user_turn_number) VALUES ('banned', 1), ('good', 1)",
		"INSERT INTO message_structure (session_id, message_id, message_type, sequence_number) VALUES ('banned', 2, 'user', 1), ('good', 1, 'user', 1)")...))
	dst := made(t, append(extra, "CREATE TRIGGER one BEFORE INSERT ON agent_sessions WHEN NEW.session_id = 'banned' BEGIN SELECT RAISE(ABORT, 's3cret'); END")...)
	drivertest.Partly(t, dst, src, map[string]uint64{"create conversation": 2, "refuse conversation": 1, "create message": 3, "refuse message": 1,
		"create run": 1, "refuse run": 1, "create opaque": 2, "refuse opaque": 1}) // one of them is a counter
}

// TestStructureOfRefused: what AdvancedSQLiteSession notes of a message that is kept out is kept out with it, and so is what it notes of one in
// whose place another stands.
func TestStructureOfRefused(t *testing.T) {
	extra := createExtra("message_structure", ownNames())
	src, _ := drivertest.Export(t, made(t, append(slices.Concat(extra, chat()), "DELETE FROM agent_sessions WHERE session_id = 's'",
		"INSERT INTO message_structure (session_id, message_id, message_type, sequence_number) SELECT session_id, id, 'user', id FROM agent_messages")...))
	for name, statements := range map[string][]string{
		"refused":  {"CREATE TRIGGER one BEFORE INSERT ON agent_messages WHEN NEW.id = 1 BEGIN SELECT RAISE(ABORT, 's3cret'); END"},
		"conflict": {"INSERT INTO agent_sessions (session_id) VALUES ('good')", "INSERT INTO agent_messages (id, session_id, message_data) VALUES (1, 's', '{}')"},
	} {
		dst := made(t, append(extra, statements...)...)
		apply(t, dst, src)
		got := 0
		for r, err := range dst.Records(t.Context(), nil) {
			o, ok := r.(*pb.Opaque)
			if err != nil || ok && slices.Contains(o.AboutKeys, "message/s.db/1") {
				t.Errorf("%s: %v %v", name, r, err)
			}
			if ok && strings.HasPrefix(o.Meta.Key, "opaque/s.db/message_structure/") {
				got++
			}
		}
		if got != 3 {
			t.Errorf("%s: %d rows of 3", name, got)
		}
	}
}

// TestKept: a row that a trigger does not let go is not said to be removed.
func TestKept(t *testing.T) {
	exact, _ := drivertest.Export(t, made(t, chat()...))
	dst := Open(t.TempDir())
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := replay.Apply(t.Context(), dst, exact, &replay.Options{Journal: j}); err != nil {
		t.Fatal(err)
	}
	change(t, filepath.Join(dst.root, "s.db"), "CREATE TRIGGER keeps BEFORE DELETE ON agent_messages BEGIN SELECT RAISE(IGNORE); END")
	if rep, err := replay.Undo(t.Context(), dst, j); !errors.Is(err, replay.ErrRule) {
		t.Errorf("%+v %v", rep, err)
	}
}

// TestTriggers: a row that a trigger passes over without a word, or refuses and leaves there, is refused, and all of its message with
// it. One that ends the transaction ends the run, and nothing of it stays.
func TestTriggers(t *testing.T) {
	exact, _ := drivertest.Export(t, made(t, append(chat(), "DELETE FROM agent_sessions WHERE session_id = 's'")...))
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "c")}
	recs := []agentstate.Record{c}
	for i, text := range []string{"a", "s3cret"} {
		recs = append(recs, &pb.Message{Meta: agentstate.Meta("message", nil, fmt.Sprint(i)), ConversationKey: c.Meta.Key, Role: pb.Role_ROLE_ASSISTANT,
			Parts: []*pb.Part{{Body: &pb.Part_Text{Text: "of it"}}, {Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "1", Name: text, ArgumentsJson: []byte("{}")}}}}})
	}
	anew := memstate.Whole("chat", recs...)
	for name, c := range map[string]struct {
		file string
		src  agentstate.Source
		want map[string]uint64
	}{
		"exact": {"s.db", exact, map[string]uint64{"create conversation": 3, "create message": 3, "refuse message": 1}},
		"anew":  {foreignFile, anew, map[string]uint64{"create conversation": 1, "create message": 1, "refuse message": 1}},
	} {
		for when, raise := range map[string]string{"BEFORE": "IGNORE", "AFTER": "FAIL, 's3cret'", "BEFORE ": "ROLLBACK, 's3cret'"} {
			t.Run(name+" "+raise[:4], func(t *testing.T) {
				dst := Open(t.TempDir())
				change(t, filepath.Join(dst.root, c.file), append(createPair(plainSQLite, ownNames()),
					"CREATE TRIGGER looks "+when+" INSERT ON agent_messages WHEN NEW.message_data LIKE '%s3cret%' BEGIN SELECT RAISE("+raise+"); END")...)
				if when != "BEFORE " {
					drivertest.Partly(t, dst, c.src, c.want)
					return
				}
				j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
				if err != nil {
					t.Fatal(err)
				}
				defer j.Close()
				if _, err := replay.Apply(t.Context(), dst, c.src, &replay.Options{Journal: j}); !errors.Is(err, replay.ErrRule) || !strings.Contains(err.Error(), "took back all") || strings.Contains(err.Error(), drivertest.Canary) {
					t.Errorf("%v", err)
				}
				if _, rep := drivertest.Export(t, dst); rep.Records["conversation"]+rep.Records["message"] > 0 {
					t.Errorf("left: %v", rep.Records)
				}
			})
		}
	}
	t.Run("postgres", func(t *testing.T) {
		u := pgtest.Database(t, append(createPostgres(newPGPair("public", ownNames())), `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.message_data LIKE '%s3cret%' THEN RETURN NULL; END IF; RETURN NEW; END $$`, "CREATE TRIGGER looks BEFORE INSERT ON agent_messages FOR EACH ROW EXECUTE FUNCTION f()")...)
		drivertest.Partly(t, postgres(t, u), anew, map[string]uint64{"create conversation": 1, "create message": 1, "refuse message": 1})
		if n := pgtest.Rows(t, u, "SELECT count(*)::text FROM agent_messages"); n[0] != "0" {
			t.Errorf("%s items are left", n[0])
		}
	})
}

// TestLongSessionIDs: PostgreSQL holds an id in its indexes, SQLite has no such limit. A session whose id is too long is refused alone,
// with its items; what the server can pack arrives, and so does the rest.
func TestLongSessionIDs(t *testing.T) {
	var q []string
	for _, id := range []string{"'short'", "replace(hex(zeroblob(5000)), '00', 'ab')", "hex(randomblob(1800))", "hex(randomblob(4500))"} {
		q = append(q, fmt.Sprintf("INSERT INTO agent_sessions (session_id) SELECT %s", id),
			`INSERT INTO agent_messages (session_id, message_data) SELECT session_id, '{"role":"user","content":"a"}' FROM agent_sessions ORDER BY rowid DESC LIMIT 1`)
	}
	src, _ := drivertest.Export(t, made(t, append(q, "DELETE FROM agent_sessions WHERE session_id = 's'")...))
	drivertest.Partly(t, postgres(t, pgtest.Database(t)), src, map[string]uint64{"create conversation": 2, "refuse conversation": 2, "create message": 2, "refuse message": 2})
}

// TestPassedOver: a row that a trigger passes over leaves nothing that the trigger wrote elsewhere, and one that is there already is no such row. A
// constraint that no INSERT with ON CONFLICT goes past costs its rows, and not the run.
func TestPassedOver(t *testing.T) {
	ours := createPostgres(newPGPair("public", ownNames()))
	from := pgtest.Database(t, ours...)
	pgtest.Exec(t, from, chat()...)
	exact, _ := drivertest.Export(t, postgres(t, from))
	u := pgtest.Database(t, append(ours, "CREATE TABLE elsewhere (x text)", `CREATE FUNCTION away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF NEW.message_data LIKE '%s3cret%' THEN INSERT INTO elsewhere VALUES (NEW.message_data); RETURN NULL; END IF; RETURN NEW; END $$`,
		"CREATE TRIGGER away BEFORE INSERT ON agent_messages FOR EACH ROW EXECUTE FUNCTION away()")...)
	dst := postgres(t, u)
	drivertest.Partly(t, dst, exact, map[string]uint64{"create conversation": 3, "create message": 3, "refuse message": 1})
	drivertest.Apply(t, dst, exact)
	if rep, _ := drivertest.Apply(t, dst, exact); rep.Kinds["message"][replay.Same] != 3 {
		t.Errorf("again: %v", rep.Kinds)
	}
	if got := pgtest.Rows(t, u, "SELECT x FROM elsewhere"); len(got) > 0 {
		t.Errorf("elsewhere: %q", got)
	}
	u = pgtest.Database(t, append(ours, "ALTER TABLE agent_messages ADD CONSTRAINT late UNIQUE (message_data) DEFERRABLE")...)
	if rep, _ := drivertest.Apply(t, postgres(t, u), exact); rep.Kinds["message"][replay.Refused] != 4 || rep.Kinds["conversation"][replay.Created] != 3 {
		t.Errorf("late: %v", rep.Kinds)
	}
}
