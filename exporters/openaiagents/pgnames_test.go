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
