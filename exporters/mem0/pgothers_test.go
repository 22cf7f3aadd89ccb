package mem0

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A schema may hold more than a store: tables of other programs, partitions of a collection, an empty copy of one.
// None of them is in the way, and none is read twice.
func TestPostgresNeighbours(t *testing.T) {
	u := database(t, "pgvector-python.sql")
	want, _ := drivertest.Export(t, store(t, u, "testdata/python/history.db"))
	pgtest.Exec(t, u, `CREATE TABLE docs (id bigserial PRIMARY KEY, vector vector(3), payload text);
		CREATE TABLE mem0_copy (LIKE mem0);
		ALTER TABLE mem0 RENAME TO before;
		CREATE TABLE mem0 (LIKE before INCLUDING ALL) PARTITION BY HASH (id);
		CREATE TABLE mem0_0 PARTITION OF mem0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
		CREATE TABLE mem0_1 PARTITION OF mem0 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
		INSERT INTO mem0 SELECT * FROM before;
		DROP TABLE before`)
	got, rep := drivertest.Export(t, store(t, u, "testdata/python/history.db"))
	if rep.Verdict.Coverage != agentstate.Reconciled || recordOrigin(t, got) != "python+pgvector" {
		t.Errorf("%s is %v: %s", recordOrigin(t, got), rep.Verdict.Coverage, rep.Verdict.Why)
	}
	if a, b := len(recordsOf[*pb.Memory](t, want)), len(recordsOf[*pb.Memory](t, got)); a != b {
		t.Errorf("%d records of %d", b, a)
	}
	pre, err := store(t, u, "").Preflight(t.Context())
	if err != nil || !strings.Contains(strings.Join(pre.Notes, "; "), "table docs is not mem0's") {
		t.Errorf("%v %v", pre, err)
	}
}

// Both packages may share a schema: a flavor says which is meant, and a replay writes to no table of the other.
func TestPostgresBoth(t *testing.T) {
	u := database(t, "pgvector-python.sql")
	pgtest.Exec(t, u, `CREATE TABLE memory_migrations (id SERIAL PRIMARY KEY, user_id TEXT NOT NULL UNIQUE);
		CREATE TABLE memories (id UUID PRIMARY KEY, vector vector(8), payload JSONB);
		INSERT INTO memories VALUES (gen_random_uuid(), '[1,2,3,4,5,6,7,8]', '{"data":"a","user_id":"u","createdAt":"2026-11-23T02:55:19.482Z","created_at":"mine"}')`)
	if _, _, _, err := store(t, u, "").openAll(t.Context()); err == nil || !strings.Contains(err.Error(), "?flavor=js or ?flavor=python") {
		t.Fatal(err)
	}
	js := store(t, u, "")
	js.flavor = "js"
	mem, _ := drivertest.Export(t, js)
	if o, n := recordOrigin(t, mem), len(recordsOf[*pb.Memory](t, mem)); o != "js+pgvector" || n != 1 {
		t.Errorf("%s with %d memories", o, n)
	}
	pgtest.Exec(t, u, "CREATE SCHEMA one; ALTER TABLE memories SET SCHEMA one; ALTER TABLE memory_migrations SET SCHEMA one")
	js.flavor, js.server.Schema = "python", []string{"one"}
	if _, _, _, err := js.openAll(t.Context()); err == nil || !strings.Contains(err.Error(), "table memories is of the other package") {
		t.Errorf("a schema of the other package alone: %v", err)
	}
	pgtest.Exec(t, u, "ALTER TABLE one.memories SET SCHEMA public; ALTER TABLE one.memory_migrations SET SCHEMA public")
	dst := store(t, u, filepath.Join(t.TempDir(), "history.db"))
	dst.flavor, dst.collection, dst.dims = "python", "memories", 8
	if _, err := replay.Plan(t.Context(), dst, mem, nil); err == nil || !strings.Contains(err.Error(), "table memories is no collection of the package") {
		t.Errorf("into the other package's table: %v", err)
	}
}

// A history of an older release beside a schema is named as what it is, as in a folder.
func TestPostgresOlderHistory(t *testing.T) {
	dir := copied(t, "python")
	sqlOf(t, dir+"/history.db", "ALTER TABLE history DROP COLUMN role")
	u := database(t, "pgvector-python.sql")
	older, _ := drivertest.Export(t, store(t, u, dir+"/history.db"))
	if _, err := replay.Plan(t.Context(), store(t, u, dir+"/history.db"), older, nil); err != nil {
		t.Errorf("its own: %v", err)
	}
	mem, _ := drivertest.Export(t, store(t, u, "testdata/python/history.db"))
	if _, err := replay.Plan(t.Context(), store(t, u, dir+"/history.db"), mem, nil); err == nil || !strings.Contains(err.Error(), "and forgets what stands in columns that were named otherwise: export it before") {
		t.Error(err)
	}
}

// A column of vectors of any length takes no index, and arrives without one.
func TestPostgresNoDimensions(t *testing.T) {
	from := database(t, "pgvector-python.sql")
	pgtest.Exec(t, from, "ALTER TABLE mem0 ALTER COLUMN vector TYPE vector")
	mem, _ := drivertest.Export(t, store(t, from, "testdata/python/history.db"))
	rep, _ := apply(t, store(t, database(t, ""), filepath.Join(t.TempDir(), "history.db")), mem)
	if len(rep.Refused)+len(rep.Conflicts) != 0 {
		t.Errorf("%+v", rep)
	}
}

// A column of numbers of 16 bits, which mem0 does not make and works with, is read; a copy is exact, and what is
// written to one from wider numbers is announced.
func TestPostgresHalves(t *testing.T) {
	half := func(u string) {
		pgtest.Exec(t, u, "DROP INDEX IF EXISTS mem0_hnsw_idx; ALTER TABLE mem0 ALTER COLUMN vector TYPE halfvec(8); CREATE INDEX mem0_hnsw_idx ON mem0 USING hnsw (vector halfvec_cosine_ops)")
	}
	from := database(t, "pgvector-python.sql")
	wide, _ := drivertest.Export(t, store(t, from, "testdata/python/history.db"))
	half(from)
	narrow, rep := drivertest.Export(t, store(t, from, "testdata/python/history.db"))
	if rep.Verdict.Coverage != agentstate.Reconciled || len(recordsOf[*pb.Embedding](t, narrow)) != len(recordsOf[*pb.Embedding](t, wide)) {
		t.Errorf("%v", rep.Verdict)
	}
	to := database(t, "")
	used := database(t, "pgvector-python.sql")
	half(used)
	pgtest.Exec(t, used, "DELETE FROM mem0; DELETE FROM mem0_entities")
	graph := other(t, spaceOf("a", "a"), textIn("a", "1", "hello"), vectorFor("a", "1", 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8))
	for name, c := range map[string]struct {
		to    string
		src   agentstate.Source
		loses bool
	}{"a copy": {to, narrow, false}, "of wider numbers": {used, wide, true}, "of another runtime": {used, graph, true}} {
		dst := store(t, c.to, filepath.Join(t.TempDir(), "history.db"))
		rep, journal := apply(t, dst, c.src)
		if (rep.LossCount["embedding.vector"] > 0) != c.loses || len(rep.Refused)+len(rep.Conflicts) != 0 {
			t.Errorf("%s: %+v", name, rep)
		}
		j, err := replay.OpenJournal(journal)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := replay.ReadBack(t.Context(), c.src, dst, j); err != nil || back.MissingN+back.UnannouncedN != 0 {
			t.Errorf("%s: %+v %v", name, back, err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		if again, _ := apply(t, dst, c.src); again.Actions[replay.Created] != 0 {
			t.Errorf("%s: again: %+v", name, again.Actions)
		}
		if u := undo(t, dst, journal); u.LeftN != 0 {
			t.Errorf("%s: undo: %+v", name, u)
		}
	}
	if got := pgtest.Rows(t, to, "SELECT format_type(atttypid, atttypmod)::text FROM pg_attribute WHERE attrelid = 'mem0'::regclass AND attname = 'vector'"); got[0] != "halfvec(8)" {
		t.Errorf("the copy's vectors are %s", got[0])
	}
}
