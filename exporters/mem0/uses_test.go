package mem0

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// withUses makes a store as releases before 2.0 leave it: without the index of words, and with the table in which
// they keep the id that they count their uses under.
func withUses(t *testing.T) string {
	t.Helper()
	u := database(t, "")
	pgtest.Exec(t, u, `CREATE EXTENSION vector;
		CREATE TABLE support (id UUID PRIMARY KEY, vector vector(2), payload JSONB);
		CREATE INDEX support_hnsw_idx ON support USING hnsw (vector vector_cosine_ops);
		CREATE TABLE mem0migrations (id UUID PRIMARY KEY, vector vector(2), payload JSONB);
		INSERT INTO support VALUES ('0efe6c8b-2c60-4d32-ac68-7099b7016535', '[1,0.5]', '{"data": "likes tea", "hash": "x", "user_id": "ann", "created_at": "2026-01-02T03:04:05.000006-08:00"}');
		INSERT INTO mem0migrations VALUES ('3965c532-b794-48ef-b8a9-922f3e9f8594', '[0.1,0.1]', '{"type": "user_identity", "user_id": "3965c532-b794-48ef-b8a9-922f3e9f8594"}');`)
	return u
}

// TestUsesAreNoMemory: the table is of no package, holds no memory and nobody, and arrives as it was.
func TestUsesAreNoMemory(t *testing.T) {
	from, to := withUses(t), database(t, "")
	src := store(t, from, "testdata/python/history.db")
	mem, rep := drivertest.Export(t, src)
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("coverage %v %s %v", rep.Verdict.Coverage, rep.Verdict.Why, rep.Verdict.Kinds)
	}
	n := map[string]int{}
	for r, err := range mem.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := r.(*pb.Revision); !ok {
			n[agentstate.KindOf(r)]++
		}
	}
	pre, err := src.Preflight(t.Context())
	if err != nil || n["memory"] != 1 || n["embedding"] != 1 || n["opaque"] != 1 || n["principal"] != 1 || pre.Counts["memory"] != 1 || pre.Counts["embedding"] != 1 || pre.Counts["opaque"] != 1 {
		t.Errorf("%v %v %v", n, pre.Counts, err)
	}
	dst := store(t, to, filepath.Join(t.TempDir(), "history.db"))
	first, journal := apply(t, dst, mem)
	if len(first.Refused)+len(first.Conflicts)+len(first.Losses) != 0 {
		t.Errorf("%+v", first)
	}
	if d := cmp.Diff(pgDump(t, from), pgDump(t, to)); d != "" {
		t.Error(d)
	}
	if u := undo(t, dst, journal); u.LeftN != 0 {
		t.Errorf("undo: %+v", u)
	}
	if got := pgtest.Rows(t, to, "SELECT 'x' FROM mem0migrations UNION ALL SELECT 'y' FROM support"); len(got) != 0 {
		t.Errorf("after undo there is %v", got)
	}
}

// TestUsesAreNoTarget: memories of another runtime go to the collection beside it, without being told which.
func TestUsesAreNoTarget(t *testing.T) {
	to := withUses(t)
	mem, _ := drivertest.Export(t, Open("testdata/js"))
	res, _ := apply(t, store(t, to, filepath.Join(t.TempDir(), "history.db")), mem)
	if len(res.Refused) != 0 {
		t.Errorf("%+v", res.Refused)
	}
	if got := pgtest.Rows(t, to, "SELECT count(*)::text FROM mem0migrations"); got[0] != "1" {
		t.Errorf("the table has %v rows", got)
	}
	if got := pgtest.Rows(t, to, "SELECT count(*)::text FROM support"); got[0] == "1" {
		t.Error("no memory arrived")
	}
}
