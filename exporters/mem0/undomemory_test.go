package mem0

import (
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	"github.com/exitramp/exitramp/internal/heappeak"
)

// TestUndoMemory: an undo keeps none of the rows that it looks at together.
func TestUndoMemory(t *testing.T) {
	u := database(t, "")
	pgtest.Exec(t, u, `CREATE EXTENSION vector; CREATE TABLE memory_migrations (id serial primary key, user_id text not null unique);
		CREATE TABLE memories (id uuid primary key, vector vector(8), payload jsonb);
		INSERT INTO memories SELECT gen_random_uuid(), '[1,2,3,4,5,6,7,8]', jsonb_build_object('user_id', 'u', 'data', repeat('memory ' || i || ' ', 15000), 'hash', md5(i::text)) FROM generate_series(1, 200) i`)
	m, _ := drivertest.Export(t, store(t, u, ""))
	dst := store(t, database(t, ""), "")
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := replay.Apply(t.Context(), dst, m, &replay.Options{Journal: j}); err != nil {
		t.Fatal(err)
	}
	var un *replay.UndoReport
	high := heappeak.Live(func() { un, err = replay.Undo(t.Context(), dst, j) })
	if err != nil || un.LeftN+un.Gone > 0 || un.Removed < 400 {
		t.Fatalf("%v, %+v", err, un)
	}
	if high > 18<<20 { // some 3 alone, 12 on a busy machine
		t.Errorf("%d MiB for 200 memories, which are 30", high>>20)
	}
}
