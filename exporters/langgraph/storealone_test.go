package langgraph

import (
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestStoreAlone: a long-term store in a schema of its own arrives alone, also an empty one; no tables come that nothing
// asked for, and a read-back finds no rows of theirs.
func TestStoreAlone(t *testing.T) {
	u := pgtest.Database(t)
	load(t, u, "js.pg.sql")
	pgtest.Exec(t, u, `DROP TABLE checkpoints, checkpoint_blobs, checkpoint_writes, checkpoint_migrations`)
	for _, left := range []int{3, 0} {
		if left == 0 {
			pgtest.Exec(t, u, `DELETE FROM store`)
		}
		m, rep := drivertest.Export(t, postgres(t, u))
		if rep.Records["memory"] != uint64(left) {
			t.Fatal(rep.Records)
		}
		target := pgtest.Database(t)
		apply(t, postgres(t, target), m, false)
		rows, err := pgRows(t.Context(), connect(t, target), "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'")
		if err != nil || rows[0][0].String() != "store store_migrations" {
			t.Errorf("with %d items: %v %v", left, rows, err)
		}
		if there, _ := drivertest.Export(t, postgres(t, target)); len(records(t, there)) != len(records(t, m)) {
			t.Errorf("with %d items: %d records, want %d", left, len(records(t, there)), len(records(t, m)))
		}
	}
}
