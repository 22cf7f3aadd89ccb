package langgraph

import (
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	"github.com/exitramp/exitramp/internal/heappeak"
)

// TestUndoMemory: an undo keeps nothing of what others wrote to the threads that it looks at together.
func TestUndoMemory(t *testing.T) {
	p := sample(t, "python.sqlite")
	run(t, p, false, "DELETE FROM store_vectors", "DELETE FROM store", "DELETE FROM writes", "DELETE FROM checkpoints WHERE thread_id <> 't-done'",
		`INSERT INTO checkpoints SELECT 'copy' || i, checkpoint_ns, checkpoint_id, NULL, type, checkpoint, metadata FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) SELECT i FROM n),
			(SELECT * FROM checkpoints ORDER BY checkpoint_id LIMIT 1)`, "DELETE FROM checkpoints WHERE thread_id = 't-done'")
	m, _ := drivertest.Export(t, SQLite(p))
	u := pgtest.Database(t)
	dst := postgres(t, u)
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := replay.Apply(t.Context(), dst, drivertest.InOrder{State: m}, &replay.Options{Journal: j}); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, u, `INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, checkpoint) SELECT 'copy' || i, '', repeat('another', 10) || n, '{}' FROM generate_series(1, 40) i, generate_series(1, 4000) n`)
	var un *replay.UndoReport
	high := heappeak.Live(func() { un, err = replay.Undo(t.Context(), dst, j) })
	if err != nil || un.LeftN > 0 || un.Removed < 40 {
		t.Fatalf("%v, %+v", err, un)
	}
	if high > 16<<20 {
		t.Errorf("%d MiB for 40 threads", high>>20)
	}
}
