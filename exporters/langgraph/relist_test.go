package langgraph

import (
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestRelist: the lists of an ivfflat index that a run makes are of the vectors that came, not of the empty
// table. One that the target has already stays as it is.
func TestRelist(t *testing.T) {
	u := pgtest.Database(t)
	if !hasVector(t, u) {
		t.Skip("the server has no extension vector")
	}
	load(t, u, "python.pgvector.sql")
	pgtest.Exec(t, u, "DROP INDEX store_vectors_embedding_idx", "CREATE INDEX near ON store_vectors USING ivfflat (embedding vector_cosine_ops) WITH (lists = 2)")
	m, _ := drivertest.Export(t, postgres(t, u))
	into := pgtest.Database(t)
	// A REINDEX gives an index a new file, which first has the number of the index.
	const anew = "SELECT (pg_relation_filenode('near') <> 'near'::regclass::oid)::text || ' ' || count(*) FROM store_vectors"
	for _, want := range []string{"true 4", "false 4"} {
		if n := actions(apply(t, postgres(t, into), m, false)); n["refuse"]+n["conflict"] > 0 {
			t.Errorf("%v", n)
		}
		if got := pgtest.Rows(t, into, anew); len(got) != 1 || got[0] != want {
			t.Errorf("%v, want %s", got, want)
		}
		pgtest.Exec(t, into, "TRUNCATE store CASCADE", "DROP INDEX near", "CREATE INDEX near ON store_vectors USING ivfflat (embedding vector_cosine_ops) WITH (lists = 2)")
	}
}
