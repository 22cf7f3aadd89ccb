package openaiagents

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
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
		pgtest.Exec(t, u, "ALTER TABLE agent_messages ADD tenant text NOT NULL")
		rules(t, dst, exact, "NOT NULL tenant on public.agent_messages", "trigger looks on public.agent_messages", "CHECK named on public.agent_sessions")
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
