package langgraph

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const canary = "c4nary-0f-the-passw0rd"

// role makes a role with the password canary that may read the tables of the database, but for
// those that revoked names, and returns the database's URL with it.
func role(t testing.TB, rawURL string, revoked ...string) string {
	t.Helper()
	name := fmt.Sprintf("reader_%d_%x", os.Getpid(), rand.Uint64())
	q := []string{
		`CREATE ROLE "` + name + `" LOGIN PASSWORD '` + canary + `'`,
		`GRANT SELECT ON ALL TABLES IN SCHEMA public TO "` + name + `"`,
	}
	for _, r := range revoked {
		q = append(q, `REVOKE SELECT ON `+r+` FROM "`+name+`"`)
	}
	pgtest.Exec(t, rawURL, q...)
	t.Cleanup(func() { pgtest.Exec(t, rawURL, `DROP OWNED BY "`+name+`"`, `DROP ROLE "`+name+`"`) })
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(name, canary)
	return u.String()
}

// TestRowSecurity shows the observer half of the rows, and the count agrees: that must never look
// whole.
func TestRowSecurity(t *testing.T) {
	u := pgtest.Database(t)
	load(t, u, "python.pg.sql")
	reader := role(t, u)
	pgtest.Exec(t, u, "ALTER TABLE checkpoints ENABLE ROW LEVEL SECURITY",
		"CREATE POLICY half ON checkpoints FOR SELECT USING (thread_id < 't-f')")
	s := postgres(t, reader)
	m, rep := drivertest.Export(t, s)
	if rep.Records["checkpoint"] == 0 || rep.Records["checkpoint"] == 62 {
		t.Errorf("checkpoints seen: %d of 62", rep.Records["checkpoint"])
	}
	v := rep.Verdict.Kinds["checkpoint"]
	if v.Coverage != agentstate.Gaps {
		t.Errorf("checkpoints: %v", v)
	}
	for _, k := range []string{"conversation", "channelvalue"} {
		if c := rep.Verdict.Kinds[k].Coverage; c == agentstate.Reconciled || c == agentstate.Listed {
			t.Errorf("%s: %v", k, rep.Verdict.Kinds[k])
		}
	}
	if v := rep.Verdict.Kinds["pendingwrite"]; v.Coverage != agentstate.Reconciled {
		t.Errorf("writes, which nobody hides: %v", v)
	}
	if len(rep.Gaps) != 1 || rep.Gaps[0].Permission != "BYPASSRLS" || rep.Gaps[0].Reason != pb.Gap_REASON_FORBIDDEN {
		t.Errorf("gaps %v", rep.Gaps)
	}
	for _, r := range records(t, m) {
		if c, ok := r.(*pb.Completeness); ok && !strings.HasPrefix(c.Observer, "reader_") {
			t.Errorf("observer %q", c.Observer)
		}
	}
	// The owner sees all: RECONCILED.
	if _, rep := drivertest.Export(t, postgres(t, u)); rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("owner: %v", rep.Verdict)
	}
	if _, err := tryApply(t, s, m, true); !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), "INSERT") && !strings.Contains(err.Error(), "BYPASSRLS") {
		t.Errorf("replay by the reader: %v", err)
	}
}

// TestDenied takes the right to read one table: a gap names it, the rest goes on.
func TestDenied(t *testing.T) {
	for _, c := range []struct{ table, kind string }{
		{"checkpoint_blobs", "channelvalue"}, {"checkpoints", "checkpoint"}, {"checkpoint_writes", "pendingwrite"},
		{"store", "memory"}, {"checkpoint_migrations", "opaque"},
	} {
		t.Run(c.table, func(t *testing.T) {
			u := pgtest.Database(t)
			load(t, u, "python.pg.sql")
			s := postgres(t, role(t, u, c.table))
			_, rep := drivertest.Export(t, s)
			if len(rep.Gaps) != 1 || rep.Gaps[0].Kind != c.kind || rep.Gaps[0].Permission != "SELECT on public."+c.table {
				t.Fatalf("gaps %v", rep.Gaps)
			}
			if v := rep.Verdict.Kinds[c.kind]; v.Coverage != agentstate.Gaps {
				t.Errorf("%s: %v", c.kind, v)
			}
			for kind, v := range rep.Verdict.Kinds {
				if v.Coverage == agentstate.Reconciled && kind == c.kind {
					t.Errorf("%s: %v", kind, v)
				}
			}
			pre, err := s.Preflight(t.Context())
			if err != nil || len(pre.Gaps) != 1 || pre.Counts[c.kind] == 0 {
				t.Errorf("preflight: %v %v", pre, err)
			}
		})
	}
	t.Run("schema", func(t *testing.T) {
		u := pgtest.Database(t)
		load(t, u, "python.pg.sql")
		reader := role(t, u)
		pgtest.Exec(t, u, "REVOKE USAGE ON SCHEMA public FROM PUBLIC")
		_, rep := drivertest.Export(t, postgres(t, reader+"?search_path=public"))
		if len(rep.Gaps) == 0 || rep.Gaps[0].Permission != "USAGE on schema public" || rep.Verdict.Coverage == agentstate.Reconciled {
			t.Errorf("%v %v", rep.Gaps, rep.Verdict.Coverage)
		}
	})
}

// TestLogin fails to log in in the usual ways. The password is in no error and in no record.
func TestLogin(t *testing.T) {
	u := pgtest.Database(t)
	load(t, u, "python.pg.sql")
	good, err := url.Parse(role(t, u))
	if err != nil {
		t.Fatal(err)
	}
	with := func(f func(*url.URL)) string {
		v := *good
		f(&v)
		return v.String()
	}
	wrong := with(func(v *url.URL) { v.User = url.UserPassword(v.User.Username(), canary+"x") })
	trusting := readErr(t.Context(), postgres(t, wrong)) == nil // a server that asks nobody for a password
	for _, c := range []struct {
		name, url string
		is        error
		says      string
	}{
		{"password", wrong, ErrLogin, "check the password"},
		{"user", with(func(v *url.URL) { v.User = url.UserPassword("nobody_here", canary) }), ErrLogin, "nobody_here"},
		{"database", with(func(v *url.URL) { v.Path = "/no_such_database" }), ErrNoDatabase, "no such database"},
		{"port", with(func(v *url.URL) { v.Host = v.Hostname() + ":1" }), ErrUnreachable, "is the server running"},
		{"host", with(func(v *url.URL) { v.Host = "no-such-host.invalid" }), ErrUnreachable, "no host of this name"},
		{"schema", with(func(v *url.URL) { v.RawQuery = "search_path=nowhere" }), ErrSchema, "no LangGraph tables"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "password" && trusting {
				t.Skip("the server lets everybody in")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			s := postgres(t, c.url)
			_, pre := s.Preflight(ctx)
			for _, err := range []error{readErr(ctx, s), pre} {
				if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v; want %q", err, c.says)
				}
				if err != nil && strings.Contains(err.Error(), canary) {
					t.Errorf("the password is in %q", err)
				}
			}
		})
	}
	m, _ := drivertest.Export(t, postgres(t, good.String()))
	for _, r := range records(t, m) {
		if strings.Contains(fmt.Sprint(r), canary) {
			t.Errorf("the password is in %s", r.GetMeta().GetKey())
		}
	}
}

// TestOtherSchema: where a search path leads past the runtime's tables the schema that has them is named, also where the
// connection itself looks there.
func TestOtherSchema(t *testing.T) {
	u := pgtest.Database(t)
	load(t, u, "python.pg.sql")
	if err := readErr(t.Context(), postgres(t, u+"?search_path=nowhere")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "in the schema public: want ?search_path=public") {
		t.Errorf("%v", err)
	}
}

// TestSearchPath has the checkpoints in one schema and the long-term store in another, one of them
// with capitals, as the JavaScript library allows.
func TestSearchPath(t *testing.T) {
	u := pgtest.Database(t)
	load(t, u, "js.pg.sql")
	pgtest.Exec(t, u, `CREATE SCHEMA "Agents"`, `CREATE SCHEMA lg_store`,
		`ALTER TABLE checkpoints SET SCHEMA "Agents"`, `ALTER TABLE checkpoint_blobs SET SCHEMA "Agents"`,
		`ALTER TABLE checkpoint_writes SET SCHEMA "Agents"`, `ALTER TABLE checkpoint_migrations SET SCHEMA "Agents"`,
		`ALTER TABLE store SET SCHEMA lg_store`, `ALTER TABLE store_migrations SET SCHEMA lg_store`)
	for _, path := range []string{`Agents,lg_store`, `"Agents", lg_store`, `Agents,LG_STORE`} {
		s := postgres(t, u+"?search_path="+url.QueryEscape(path))
		m, rep := drivertest.Export(t, s)
		if rep.Records["checkpoint"] != 37 || rep.Records["memory"] != 3 || rep.Verdict.Coverage != agentstate.Reconciled {
			t.Errorf("%s: %v %v", path, rep.Records, rep.Verdict)
		}
		if n := actions(apply(t, s, m, false)); n["create"]+n["conflict"]+n["refuse"] > 0 {
			t.Errorf("%s: replay into itself: %v", path, n)
		}
	}
	if err := readErr(t.Context(), postgres(t, u)); !errors.Is(err, ErrSchema) || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "in the schema Agents, lg_store: want ?search_path=Agents") {
		t.Errorf("public: %v", err)
	}
	// Tables that lay in two schemas come into two, where the target names both, and into the first of others.
	m, _ := drivertest.Export(t, postgres(t, u+"?search_path=Agents,lg_store"))
	for path, want := range map[string]string{"Agents,lg_store": "Agents.checkpoints lg_store.store", "lg_store,Agents": "Agents.checkpoints lg_store.store", "one,two": "one.checkpoints one.store"} {
		other := pgtest.Database(t)
		s := postgres(t, other+"?search_path="+path)
		if n := actions(apply(t, s, m, false)); n["refuse"]+n["conflict"] > 0 {
			t.Errorf("into %s: %v", path, n)
		}
		rows, err := pgRows(t.Context(), connect(t, other), "SELECT string_agg(schemaname || '.' || tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE tablename IN ('checkpoints', 'store')")
		if err != nil || rows[0][0].String() != want {
			t.Errorf("into %s: %v %v, want %s", path, rows, err, want)
		}
		if _, rep := drivertest.Export(t, s); rep.Records["checkpoint"] != 37 || rep.Records["memory"] != 3 {
			t.Errorf("in %s: %v", path, rep.Records)
		}
	}
	// A schema that is not there is made.
	m, _ = drivertest.Export(t, postgres(t, u+"?search_path=Agents,lg_store"))
	fresh := postgres(t, u+"?search_path=Fresh")
	plan := apply(t, fresh, m, true)
	if n := actions(plan); n["create"] != 264 || n["refuse"] > 0 {
		t.Errorf("plan: %v", n)
	}
	apply(t, fresh, m, false)
	if _, rep := drivertest.Export(t, fresh); rep.Records["checkpoint"] != 37 || rep.Records["memory"] != 3 {
		t.Errorf("fresh: %v", rep.Records)
	}
}

// TestSchemaPermission: tables come into a schema that takes them, and a plan says where none does.
func TestSchemaPermission(t *testing.T) {
	u := pgtest.Database(t)
	load(t, u, "js.pg.sql")
	pgtest.Exec(t, u, `CREATE SCHEMA agents`, `CREATE SCHEMA kept`,
		`ALTER TABLE checkpoints SET SCHEMA agents`, `ALTER TABLE checkpoint_blobs SET SCHEMA agents`,
		`ALTER TABLE checkpoint_writes SET SCHEMA agents`, `ALTER TABLE checkpoint_migrations SET SCHEMA agents`,
		`ALTER TABLE store SET SCHEMA kept`, `ALTER TABLE store_migrations SET SCHEMA kept`)
	m, _ := drivertest.Export(t, postgres(t, u+"?search_path=agents,kept"))
	for name, c := range map[string]struct {
		before      string // at the target; me is the role, db the database
		where, want string
	}{
		"where they were":       {"CREATE SCHEMA agents AUTHORIZATION me; CREATE SCHEMA kept AUTHORIZATION me", "agents.checkpoints kept.store", ""},
		"not there, to be made": {"CREATE SCHEMA agents AUTHORIZATION me; GRANT CREATE ON DATABASE db TO me", "agents.checkpoints kept.store", ""},
		"not there":             {"CREATE SCHEMA agents AUTHORIZATION me", "agents.checkpoints agents.store", ""},
		"closed":                {"CREATE SCHEMA agents AUTHORIZATION me; CREATE SCHEMA kept; GRANT USAGE ON SCHEMA kept TO me", "agents.checkpoints agents.store", ""},
		"the first closed":      {"CREATE SCHEMA agents; GRANT USAGE ON SCHEMA agents TO me; CREATE SCHEMA kept AUTHORIZATION me", "", "CREATE on schema agents is missing"},
		"the first not there":   {"CREATE SCHEMA kept AUTHORIZATION me", "", "no schema agents, and CREATE on the database is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			u := pgtest.Database(t)
			as := role(t, u)
			to, err := url.Parse(as)
			if err != nil {
				t.Fatal(err)
			}
			names := strings.NewReplacer(" me", " "+quote(to.User.Username()), " db ", " "+quote(to.Path[1:])+" ")
			pgtest.Exec(t, u, strings.Split(names.Replace(c.before), "; ")...)
			s := postgres(t, as+"?search_path=agents,kept")
			for _, dry := range []bool{true, false} {
				_, err := tryApply(t, s, m, dry)
				if c.want == "" && err != nil || c.want != "" && !errors.Is(err, ErrForbidden) || c.want != "" && dry && !strings.Contains(err.Error(), c.want) {
					t.Errorf("dry %v: %v, want %q", dry, err, c.want)
				}
			}
			rows, err := pgRows(t.Context(), connect(t, u), "SELECT coalesce(string_agg(schemaname || '.' || tablename, ' ' ORDER BY tablename), '') FROM pg_tables WHERE tablename IN ('checkpoints', 'store')")
			if err != nil || rows[0][0].String() != c.where {
				t.Errorf("made %v %v, want %s", rows, err, c.where)
			}
		})
	}
}

// TestNoVectorExtension replays vectors to a server without pgvector: they are refused with what to
// do, the rest arrives.
func TestNoVectorExtension(t *testing.T) {
	u := pgtest.Database(t)
	m, _ := drivertest.Export(t, SQLite(sample(t, "python.sqlite")))
	s := postgres(t, u)
	if hasVector(t, u) {
		t.Skip("the server has the extension")
	}
	n := 0
	for _, rc := range apply(t, s, m, false) {
		if strings.HasPrefix(rc.Key, "embedding/") {
			if n++; rc.Action != replay.Refused || !strings.Contains(rc.Why, "install it") {
				t.Errorf("%+v", rc)
			}
		}
	}
	if n != 4 {
		t.Errorf("%d vectors", n)
	}
}
