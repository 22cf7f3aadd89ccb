package openaiagents

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const canary = "c4nary-0f-the-passw0rd"

// readerOf makes a role that may read the tables, but for those that revoked names.
func readerOf(t testing.TB, rawURL string, revoked ...string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	name := "reader_of_" + strings.TrimPrefix(u.Path, "/")
	q := []string{`CREATE ROLE "` + name + `" LOGIN PASSWORD '` + canary + `'`, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO "` + name + `"`,
		`GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO "` + name + `"`}
	for _, r := range revoked {
		q = append(q, `REVOKE SELECT ON `+r+` FROM "`+name+`"`)
	}
	pgtest.Exec(t, rawURL, q...)
	t.Cleanup(func() { pgtest.Exec(t, rawURL, `DROP OWNED BY "`+name+`"`, `DROP ROLE "`+name+`"`) })
	u.User = url.UserPassword(name, canary)
	return u.String()
}

// What the role may not see is a named gap, never whole; the rest is carried.
func TestPostgresAccess(t *testing.T) {
	for name, c := range map[string]struct {
		revoke     []string
		sql        []string
		kind       string
		permission string
		messages   uint64
	}{
		"policy on messages": {nil, []string{"ALTER TABLE agent_messages ENABLE ROW LEVEL SECURITY", "CREATE POLICY half ON agent_messages FOR SELECT USING (id < 4)"}, "message", "BYPASSRLS", 3},
		"policy on sessions": {nil, []string{"ALTER TABLE agent_sessions ENABLE ROW LEVEL SECURITY"}, "conversation", "BYPASSRLS", 10},
		"no messages":        {[]string{"agent_messages"}, nil, "message", "SELECT on public.agent_messages", 0},
		"no sessions":        {[]string{"agent_sessions"}, nil, "conversation", "SELECT on public.agent_sessions", 10},
		"no sequence":        {[]string{"agent_messages_id_seq"}, nil, "opaque", "SELECT on sequence public.agent_messages_id_seq", 10},
		"no schema":          {nil, []string{"REVOKE USAGE ON SCHEMA public FROM PUBLIC"}, "conversation", "USAGE on schema public", 0},
	} {
		t.Run(name, func(t *testing.T) {
			u := pgtest.Database(t, real(t))
			s := postgres(t, readerOf(t, u, c.revoke...)+"?search_path=public")
			pgtest.Exec(t, u, append([]string{"SET search_path = public"}, c.sql...)...)
			m, rep := drivertest.Export(t, s)
			i := slices.IndexFunc(rep.Gaps, func(g *pb.Gap) bool { return g.Kind == c.kind })
			if i < 0 || rep.Gaps[i].Permission != c.permission || rep.Gaps[i].Reason != pb.Gap_REASON_FORBIDDEN {
				t.Errorf("gaps %v", rep.Gaps)
			}
			if rep.Verdict.Kinds[c.kind].Coverage == agentstate.Reconciled || rep.Records["message"] != c.messages {
				t.Errorf("%v %v", rep.Verdict, rep.Records)
			}
			pre, err := s.Preflight(t.Context())
			if err != nil || len(pre.Gaps) != len(rep.Gaps) || !strings.HasPrefix(pre.Observer, "reader_of_") {
				t.Errorf("%+v %v", pre, err)
			}
			if _, err := replay.Plan(t.Context(), s, m, nil); !errors.Is(err, replay.ErrTarget) || !errors.Is(err, ErrForbidden) {
				t.Errorf("replay by the reader: %v", err)
			}
			if pre != nil && strings.Contains(fmt.Sprint(pre, rep, err), canary) {
				t.Error("the password comes out")
			}
		})
	}
}

// Bad tables and URLs give an error that says what they are.
func TestPostgresBadInput(t *testing.T) {
	for name, c := range map[string]struct {
		sql  string
		text string
	}{
		"no tables":     {"CREATE TABLE t (x int)", "no tables of SQLAlchemySession"},
		"a column less": {tables(ownNames()) + "; ALTER TABLE agent_messages DROP COLUMN created_at", "supported: id int4, session_id varchar"},
		"sessions too":  {tables(ownNames()) + "; ALTER TABLE agent_sessions DROP COLUMN updated_at", "updated_at timestamp"},
		"jsonb":         {tables(ownNames()) + "; ALTER TABLE agent_messages ALTER message_data TYPE jsonb USING message_data::jsonb", "message_data jsonb"},
		"no session":    {tables(ownNames()) + "; ALTER TABLE agent_messages ALTER session_id DROP NOT NULL; INSERT INTO agent_messages (message_data) VALUES ('{}')", "no id or no session_id"},
		"no id":         {tables(ownNames()) + "; ALTER TABLE agent_messages DROP COLUMN id", "supported: id"},
		"a view":        {"CREATE VIEW agent_messages AS SELECT 1 AS id, 's' AS session_id, '{}' AS message_data, now() AS created_at", "no tables"},
		"no key":        {"CREATE TABLE agent_messages (id int, session_id text, message_data text, created_at timestamp)", "no tables"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := agentstate.Copy(t.Context(), &memstate.State{}, postgres(t, pgtest.Database(t, c.sql)), nil)
			if !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v", err)
			}
			if errors.Is(err, fs.ErrNotExist) != strings.Contains(c.text, "no tables") { // holds nothing that a run wrote
				t.Errorf("%v", err)
			}
		})
	}
	u := pgtest.Database(t, real(t))
	for raw, want := range map[string]error{strings.Replace(u, "exitramp_test", "nowhere", 1): ErrNoDatabase, "postgres://x@127.0.0.1:1/x": ErrUnreachable, u + "?search_path=nowhere": ErrSchema} {
		if _, err := agentstate.Copy(t.Context(), &memstate.State{}, postgres(t, raw), nil); !errors.Is(err, want) || !strings.Contains(err.Error(), ": openaiagents: ") {
			t.Errorf("%v", err)
		}
	}
	// An archive cannot name what is no name of a table, nor make the transaction fail with a row.
	o := &pb.Origin{Meta: agentstate.Meta("origin", nil, product), Product: product, Flavor: flavorPostgres}
	for _, name := range []string{"", `a\u0000`, "b", strings.Repeat("x", 64)} {
		o.Meta.Labels = []*pb.Label{{Name: labelDatabase, Value: `{"pairs":[{"sessions":"` + name + `","messages":"b"}]}`}}
		if _, err := postgres(t, u).Begin(t.Context(), &replay.Run{From: o}); !errors.Is(err, replay.ErrTarget) || !errors.Is(err, ErrSchema) {
			t.Errorf("%q: %v", name, err)
		}
	}
	mem, _ := drivertest.Export(t, postgres(t, u))
	edited, n := &memstate.State{}, 0
	for r, err := range mem.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := r.(*pb.Message); ok {
			cols := m.Meta.Native[0].GetRow().Columns
			n++
			for i, v := range []*pb.Column{nil, nil,
				{Name: "id", Value: &pb.Column_Integer{Integer: 1 << 40}}, {Name: "id", Value: &pb.Column_Text{Text: []byte("x")}},
				{Name: "created_at", Value: &pb.Column_Text{Text: []byte("2026-13-01 00:00:00")}}, {Name: "message_data", Value: &pb.Column_Text{Text: []byte("a\x00b")}},
				{Name: "message_data", Value: &pb.Column_Text{Text: []byte("\xff")}}, {Name: "session_id", Value: &pb.Column_Text{Text: []byte("nobody")}}, {Name: "message_data"}} {
				if j := slices.IndexFunc(cols, func(c *pb.Column) bool { return v != nil && c.Name == v.Name }); i == n && j >= 0 {
					cols[j] = v
				}
			}
		}
		if err := edited.Put(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := edited.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	rep, _, _ := apply(t, postgres(t, pgtest.Database(t)), edited)
	if rep.Actions[replay.Refused] != 7 || rep.Actions[replay.Created] != 4 {
		t.Errorf("%v %v", rep.Actions, rep.Refused)
	}
}

// One reading is one snapshot: what is written meanwhile is not in it.
func TestPostgresSnapshot(t *testing.T) {
	u := pgtest.Database(t, real(t))
	_, rep := drivertest.Export(t, &during{postgres(t, u), func() {
		pgtest.Exec(t, u, `INSERT INTO public.agent_messages (session_id, message_data) VALUES ('s-alchemy', '{}'), ('s-alchemy', '{}')`, `DELETE FROM public.agent_messages WHERE id = 3`)
	}})
	if rep.Records["message"] != 10 || rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", rep.Records, rep.Verdict)
	}
}

// during is a store to which something is done behind its first record.
type during struct {
	*Store
	do func()
}

func (d *during) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		first := true
		for r, err := range d.Store.Records(ctx, opts) {
			if !yield(r, err) {
				return
			}
			if first {
				d.do()
				first = false
			}
		}
	}
}

// A role that gets one connection reads the same: counts then come when the rows are read.
func TestPostgresOneConnection(t *testing.T) {
	u := pgtest.Database(t, real(t))
	role := readerOf(t, u)
	_, want := drivertest.Export(t, postgres(t, role))
	name, err := url.Parse(role)
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, u, `ALTER ROLE "`+name.User.Username()+`" CONNECTION LIMIT 1`)
	_, got := drivertest.Export(t, postgres(t, role))
	if got.Verdict.Coverage != agentstate.Reconciled || want.Verdict.Coverage != agentstate.Reconciled || got.Records["message"] != want.Records["message"] {
		t.Errorf("one connection: %v %v, several: %v %v", got.Verdict, got.Records, want.Verdict, want.Records)
	}
}

// A cancelled reading ends soon.
func TestPostgresStops(t *testing.T) {
	u := pgtest.Database(t, tables(ownNames()), `INSERT INTO agent_sessions SELECT 's', now(), now()`,
		`INSERT INTO agent_messages (session_id, message_data) SELECT 's', '{"role":"user","content":"x"}' FROM generate_series(1, 2000)`)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	n := 0
	for _, err := range postgres(t, u).Records(ctx, nil) {
		if n++; n == 300 {
			cancel()
		}
		if err != nil {
			if !errors.Is(err, context.Canceled) || n > 700 {
				t.Errorf("%d: %v", n, err)
			}
			return
		}
	}
	t.Errorf("%d records after the cancel", n)
}

// TestNamesTaken: a view or another table under a name that a run would make is refused by the plan already.
func TestNamesTaken(t *testing.T) {
	m, _ := drivertest.Export(t, postgres(t, pgtest.Database(t, real(t))+"?search_path=public"))
	for _, sql := range []string{"CREATE VIEW agent_messages AS SELECT 1 AS id", "CREATE TABLE agent_messages (x int)", "CREATE VIEW agent_sessions AS SELECT 's' AS session_id"} {
		if _, err := replay.Plan(t.Context(), postgres(t, pgtest.Database(t, sql)), m, nil); !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), "is no table of SQLAlchemySession") {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// TestEncoding: a database that cannot hold most characters is refused as a target by the plan already, but for what comes from one of
// its kind.
func TestEncoding(t *testing.T) {
	latin := pgtest.Latin1(t)
	dst := postgres(t, latin)
	m, _ := drivertest.Export(t, postgres(t, pgtest.Database(t, real(t))+"?search_path=public"))
	if _, err := replay.Plan(t.Context(), dst, m, nil); !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), "encoding LATIN1") {
		t.Error(err)
	}
	pgtest.Exec(t, latin, tables(ownNames()), "INSERT INTO agent_sessions VALUES ('s', now(), now())",
		`INSERT INTO agent_messages (session_id, message_data, created_at) SELECT 's', '{"role":"user","content":"' || chr(252) || '"}', now()`)
	m, _ = drivertest.Export(t, dst)
	pgtest.Exec(t, latin, "TRUNCATE agent_sessions, agent_messages")
	drivertest.Apply(t, dst, m)
	if got := pgtest.Rows(t, latin, "SELECT (message_data LIKE '%' || chr(252) || '%')::text FROM agent_messages"); !slices.Equal(got, []string{"true"}) {
		t.Errorf("back: %q", got)
	}
}
