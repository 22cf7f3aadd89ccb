package mem0

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/exportertest"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// database is one with the extension vector, and with what file of testdata has; without the extension the test
// is skipped.
func database(t testing.TB, file string) string {
	t.Helper()
	u := pgtest.Database(t)
	if len(pgtest.Rows(t, u, "SELECT name FROM pg_available_extensions WHERE name = 'vector'")) == 0 {
		t.Skip("the server has no extension vector")
	}
	if file != "" {
		b, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		pgtest.Exec(t, u, string(b))
	}
	return u
}

// pgDump is every row, column and index of the schema public.
func pgDump(t testing.TB, rawURL string) []string {
	t.Helper()
	out := pgtest.Rows(t, rawURL, `SELECT table_name || ' ' || column_name || ' ' || udt_name || ' ' || is_nullable || ' ' || coalesce(column_default, '') FROM information_schema.columns WHERE table_schema = 'public'
		UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
		UNION ALL SELECT relname || ' ' || format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attname = 'vector' AND relkind = 'r' ORDER BY 1`)
	for _, n := range pgtest.Rows(t, rawURL, "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1") {
		out = append(out, pgtest.Rows(t, rawURL, "SELECT '"+n+" ' || t::text FROM "+quote(n)+" t ORDER BY 1")...)
	}
	return out
}

func store(t testing.TB, rawURL, history string) *Store {
	t.Helper()
	s, err := Postgres(rawURL, history)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPostgres: every row arrives in an empty database as it was, in tables and with indexes as mem0
// makes them, and undo removes them.
func TestPostgres(t *testing.T) {
	for _, at := range []struct{ file, history, flavor string }{
		{"pgvector-js.sql", "testdata/pgvector-js.db", "js+pgvector"}, {"pgvector-python.sql", "testdata/python/history.db", "python+pgvector"},
	} {
		t.Run(at.flavor, func(t *testing.T) {
			from, to := database(t, at.file), database(t, "")
			src := store(t, from, at.history)
			mem, rep := drivertest.Export(t, src)
			if rep.Verdict.Coverage != agentstate.Reconciled {
				t.Errorf("coverage %v %s %v", rep.Verdict.Coverage, rep.Verdict.Why, rep.Verdict.Kinds)
			}
			if o := recordOrigin(t, mem); o != at.flavor {
				t.Errorf("flavor %s", o)
			}
			dst := store(t, to, filepath.Join(t.TempDir(), "history.db"))
			first, journal := apply(t, dst, mem)
			if n := len(first.Refused) + len(first.Conflicts) + len(first.Losses); n != 0 {
				t.Errorf("%+v", first)
			}
			if d := cmp.Diff(pgDump(t, from), pgDump(t, to)); d != "" {
				t.Fatal(d)
			}
			if u := undo(t, dst, journal); u.LeftN != 0 {
				t.Errorf("undo: %+v", u)
			}
			for _, n := range pgtest.Rows(t, to, "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'") {
				if n := pgtest.Rows(t, to, "SELECT count(*)::text FROM "+quote(n))[0]; n != "0" {
					t.Errorf("after undo there are %s rows", n)
				}
			}
		})
	}
}

func recordOrigin(t testing.TB, src agentstate.Source) string {
	t.Helper()
	for r, err := range src.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if o, ok := r.(interface{ GetFlavor() string }); ok {
			return o.GetFlavor()
		}
	}
	return ""
}

// TestPostgresConformance is what every driver has to pass.
func TestPostgresConformance(t *testing.T) {
	for _, at := range []struct{ file, history string }{{"pgvector-js.sql", "testdata/pgvector-js.db"}, {"pgvector-python.sql", "testdata/python/history.db"}} {
		t.Run(at.file, func(t *testing.T) {
			from := database(t, at.file)
			urls := map[replay.Target]string{}
			exportertest.Run(t, exportertest.Harness{
				Open: func(context.Context) (agentstate.Source, error) { return store(t, from, at.history), nil },
				Target: func(context.Context) (replay.Target, error) {
					u := database(t, "")
					s := store(t, u, filepath.Join(t.TempDir(), "history.db"))
					urls[s] = u
					return s, nil
				},
				Change: func(_ context.Context, target replay.Target, key string) error {
					kind, parts := agentstate.SplitKey(key)
					if kind != "memory" {
						return errUnsupported
					}
					pgtest.Exec(t, urls[target], "UPDATE "+quote(parts[0])+` SET payload = payload || '{"more": 1}' WHERE id = '`+parts[1]+"'")
					return nil
				},
			})
		})
	}
}

// TestPostgresOrder: rows that stand in another order in the copy are the same to a read-back.
func TestPostgresOrder(t *testing.T) {
	src := store(t, database(t, "pgvector-python.sql"), "testdata/python/history.db")
	mem, _ := drivertest.Export(t, src)
	to := database(t, "")
	dst := store(t, to, filepath.Join(t.TempDir(), "history.db"))
	_, journal := apply(t, dst, mem)
	table := quote("mem0")
	pgtest.Exec(t, to, "CREATE TABLE turned AS SELECT * FROM "+table+" ORDER BY id DESC; DELETE FROM "+table+"; INSERT INTO "+table+" SELECT * FROM turned ORDER BY id DESC; DROP TABLE turned")
	again, err := replay.OpenJournal(journal)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if back, err := replay.ReadBack(t.Context(), mem, dst, again); err != nil || back.Same+back.Announced != back.Records || back.MissingN+back.UnannouncedN != 0 {
		t.Errorf("%v %+v", err, back)
	}
}

// TestPostgresAlone: without the history's file its kinds are gaps, and nothing else is lost.
func TestPostgresAlone(t *testing.T) {
	src := store(t, database(t, "pgvector-js.sql"), "")
	_, rep := drivertest.Export(t, src)
	for k, want := range map[string]agentstate.Coverage{"revision": agentstate.Gaps, "message": agentstate.Gaps, "memory": agentstate.Reconciled, "entity": agentstate.Reconciled} {
		if got := rep.Verdict.Kinds[k].Coverage; got != want {
			t.Errorf("%s: %v, want %v", k, got, want)
		}
	}
	p, err := src.Preflight(t.Context())
	if err != nil || len(p.Gaps) != 1 || p.Counts["memory"] != 4 {
		t.Errorf("%v %+v", err, p)
	}
}

// TestPostgresForeign: tables that look like mem0's and are not are refused, others are left alone.
func TestPostgresForeign(t *testing.T) {
	u := database(t, "pgvector-js.sql")
	pgtest.Exec(t, u, "CREATE TABLE orders (id int); INSERT INTO orders VALUES (1)")
	drivertest.Export(t, store(t, u, ""))
	pgtest.Exec(t, u, "CREATE TABLE other (id text, vector vector(3), payload jsonb)")
	for _, err := range store(t, u, "").Records(t.Context(), nil) {
		if err == nil || !isSchema(err) {
			t.Fatalf("%v", err)
		}
	}
}

// TestPostgresAboutNUL: a text about the escape of a NUL holds none, and arrives.
func TestPostgresAboutNUL(t *testing.T) {
	from, to := database(t, "pgvector-python.sql"), database(t, "")
	pgtest.Exec(t, from, `UPDATE mem0 SET payload = jsonb_set(payload, '{note}', to_jsonb('C:\users, \u0000 and \\u0000'::text))`)
	mem, _ := drivertest.Export(t, store(t, from, ""))
	rep, _ := apply(t, store(t, to, ""), mem)
	if len(rep.Refused)+len(rep.Conflicts) != 0 {
		t.Errorf("%+v", rep.Refused)
	}
	if want, got := pgDump(t, from), pgDump(t, to); !slices.Equal(want, got) {
		t.Errorf("got %q, want %q", got, want)
	}
}
