package openaiagents

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestLongNamesPostgres: two tables of an application's own making whose names differ only behind what PostgreSQL keeps of the
// names of their indexes. Both arrive, each with an index.
func TestLongNamesPostgres(t *testing.T) {
	var fill []string
	for _, end := range []string{"_a", "_b"} {
		long := pair{strings.Repeat("s", 60) + end, strings.Repeat("m", 60) + end}
		fill = append(fill, tables(pair{"s" + end, "m" + end}), `INSERT INTO s`+end+` VALUES ('s', now(), now())`, `INSERT INTO m`+end+` (session_id, message_data) VALUES ('s', '{"role":"user","content":"of`+end+`"}')`,
			`ALTER TABLE s`+end+` RENAME TO `+long.Sessions, `ALTER TABLE m`+end+` RENAME TO `+long.Messages)
	}
	from, to := pgtest.Database(t, fill...), pgtest.Database(t)
	mem, _ := drivertest.Export(t, postgres(t, from))
	apply(t, postgres(t, to), mem)
	const indexed = `SELECT c.relname || ' ' || pg_get_indexdef(indexrelid, 1, false) || ' ' || pg_get_indexdef(indexrelid, 2, false) FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE NOT indisunique AND c.relname LIKE 'm%' ORDER BY 1`
	want, got := dumpPG(t, from), dumpPG(t, to)
	want["indexes"], got["indexes"] = strings.Join(pgtest.Rows(t, from, indexed), "\n"), strings.Join(pgtest.Rows(t, to, indexed), "\n")
	for _, k := range []string{"names", "indexes", "rows " + strings.Repeat("m", 60) + "_a", "rows " + strings.Repeat("m", 60) + "_b"} {
		if d := cmp.Diff(want[k], got[k]); d != "" || want[k] == "" {
			t.Errorf("%s: %q, %s", k, want[k], d)
		}
	}
}

// TestBesidePostgres: what an application hung on the tables is named, before an export and in it; what the SDK makes is not.
func TestBesidePostgres(t *testing.T) {
	plain := []string{tables(ownNames()), "INSERT INTO agent_sessions VALUES ('s', now(), now())"}
	own := []string{"CREATE VIEW latest AS SELECT session_id, max(id) FROM agent_messages GROUP BY 1", "CREATE SCHEMA bi", "CREATE MATERIALIZED VIEW bi.all_of AS SELECT * FROM agent_sessions",
		"CREATE VIEW unrelated AS SELECT 1", "CREATE INDEX by_day ON agent_messages (created_at)",
		"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'", "CREATE TRIGGER audit AFTER INSERT ON agent_messages FOR EACH ROW EXECUTE FUNCTION f()"}
	want := []string{"1 triggers of an application are not carried: audit", "1 indexes of an application are not carried: by_day", "2 views of an application are not carried: bi.all_of, public.latest"}
	for _, c := range []struct{ fill, want []string }{{plain, nil}, {append(plain, own...), want}} {
		s := postgres(t, pgtest.Database(t, c.fill...))
		pre, err := s.Preflight(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, pre.Notes); d != "" {
			t.Error(d)
		}
		var said []string
		for _, l := range pre.Origin.Meta.Labels {
			if l.Name != labelDatabase {
				said = append(said, l.Value)
			}
		}
		if d := cmp.Diff(c.want, said); d != "" {
			t.Error(d)
		}
	}
}
