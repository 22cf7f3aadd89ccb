package mem0

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// Numbers become those of 16 bits that PostgreSQL itself makes of them, so that a plan can say what an empty place
// will hold.
func TestHalved(t *testing.T) {
	u := database(t, "pgvector-python.sql")
	in := []float32{0, 1, -1, 0.1, 65504, -65504, 65519, 6.1035156e-05, 6.1e-05, 5.9604645e-08, 2.9802322e-08, 2.9802326e-08, 1e-45, 2049, 2051, 0.33325195}
	r := rand.New(rand.NewPCG(1, 2))
	for len(in) < 2000 {
		in = append(in, float32(math.Ldexp(2*r.Float64()-1, r.IntN(42)-26)))
	}
	var texts []string
	for _, f := range in {
		texts = append(texts, fmt.Sprint(f))
	}
	v := "[" + strings.Join(texts, ",") + "]"
	got, fits := halved(v)
	want := pgtest.Rows(t, u, "SELECT '"+v+"'::halfvec::text")[0]
	if !fits || !slices.Equal(parseVector(got), parseVector(want)) {
		t.Errorf("want %s\n got %s", want, got)
	}
	for _, v := range []string{"[65520]", "[-1e9]"} {
		if s, fits := halved(v); fits {
			t.Errorf("%s becomes %s", v, s)
		}
	}
}

// A number that 16 bits do not take costs its vector, not the run; a plan knows it, and what becomes shorter.
func TestPostgresOutOfHalves(t *testing.T) {
	u := database(t, "pgvector-python.sql")
	pgtest.Exec(t, u, "DROP INDEX IF EXISTS mem0_hnsw_idx; ALTER TABLE mem0 ALTER COLUMN vector TYPE halfvec(8); DELETE FROM mem0; DELETE FROM mem0_entities")
	graph := other(t, spaceOf("a", "a"), textIn("a", "1", "hello"), vectorFor("a", "1", 70000, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
		textIn("a", "2", "again"), vectorFor("a", "2", 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8))
	dst := store(t, u, filepath.Join(t.TempDir(), "history.db"))
	plan, err := replay.Plan(t.Context(), dst, graph, nil)
	if err != nil {
		t.Fatal(err)
	}
	rep, _ := apply(t, dst, graph)
	for _, r := range []*replay.Report{plan, rep} {
		if r.LossCount["embedding.vector"] != 1 || len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Why, "too large for 16 bits") {
			t.Errorf("%+v", r)
		}
	}
}

// A longer vector than pgvector indexes has a column without an index, as the server itself judges.
func TestPostgresLongVectors(t *testing.T) {
	u := database(t, "pgvector-python.sql")
	for i, l := range []layout{{Dims: 2000}, {Dims: 2001}, {Dims: 4000, Half: true}, {Dims: 4001, Half: true}} {
		l.File, l.Indexes = fmt.Sprint("c", i), []string{"hnsw"}
		pgtest.Exec(t, u, strings.Join(createPG(l, false), ";"))
		if got := pgtest.Rows(t, u, "SELECT count(*)::text FROM pg_indexes WHERE tablename = '"+l.File+"' AND indexdef LIKE '%hnsw%'")[0]; got != []string{"1", "0"}[i%2] {
			t.Errorf("%+v: %s indexes", l, got)
		}
	}
}
