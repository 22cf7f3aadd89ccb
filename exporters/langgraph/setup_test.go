package langgraph

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// schemaOf is the definition of a store's tables, indexes and triggers, in words that do not depend
// on the order in which they were made.
func schemaOf(t testing.TB, s *Store) []string {
	t.Helper()
	q := `SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master`
	if s.server != nil {
		q = `SELECT 'column ' || table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') FROM information_schema.columns WHERE table_schema = 'public'
			UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
			UNION ALL SELECT 'constraint ' || conrelid::regclass::text || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
			UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
			UNION ALL SELECT 'vector ' || format_type(atttypid, atttypmod) FROM pg_attribute WHERE attname = 'embedding' AND attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r')`
	}
	e, err := s.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	rows, err := e.query(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, r[0].String())
	}
	slices.Sort(out)
	return out
}

// TestSetup makes a store and compares it with the one that the runtime's own setup made.
func TestSetup(t *testing.T) {
	for _, at := range stores() {
		t.Run(at.name, func(t *testing.T) {
			src, dst := at.load(t), at.void(t)
			m, _ := drivertest.Export(t, src)
			apply(t, dst, m, false)
			if d := cmp.Diff(schemaOf(t, src), schemaOf(t, dst)); d != "" {
				t.Errorf("schema differs (-runtime +made):\n%s", d)
			}
		})
	}
}

// TestPlanned compares what a plan takes the tables for with what a run makes.
func TestPlanned(t *testing.T) {
	for _, at := range stores() {
		t.Run(at.name, func(t *testing.T) {
			src, dst := at.load(t), at.void(t)
			m, _ := drivertest.Export(t, src)
			apply(t, dst, m, false)
			e, err := dst.open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer e.close()
			real, err := e.tables(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			names := func(tab *table) string {
				out := tab.name + " (" + strings.Join(tab.key, ", ") + ")"
				for _, c := range tab.cols {
					typ := ""
					if e.facts().engine == "postgres" {
						typ = c.typ
					}
					out += " " + c.name + " " + typ
				}
				return out
			}
			n := 0
			flavor := originOf(t, m).Flavor
			for _, g := range []tableGroup{checkpointTables, storeTables, vectorTables} {
				if real[mainTable(g)] == nil {
					continue
				}
				for name, tab := range tablesOf(flavor, g, 0, shapeOf(originOf(t, m))) {
					n++
					if real[name] == nil || names(tab) != names(real[name]) {
						t.Errorf("planned %s\nmade    %v", names(tab), real[name])
					}
				}
			}
			if n != len(real) {
				t.Errorf("%d tables planned, %d made", n, len(real))
			}
		})
	}
}

// TestHostileShape: how vectors are indexed comes out of an archive, and never becomes SQL as it is.
func TestHostileShape(t *testing.T) {
	for _, s := range []string{
		"x hnsw vector_cosine_ops m=16); DROP TABLE store", `a"b hnsw vector_l2_ops`, "x btree vector_l2_ops", "x hnsw evil_ops",
		"x hnsw vector_l2_ops m=16,evil=1", "x hnsw vector_l2_ops m=99999999", "", "x", strings.Repeat("x", 64) + " hnsw vector_l2_ops",
	} {
		if x, ok := parseIndex(s); ok {
			t.Errorf("%q was taken: %s", s, x.sql())
		}
	}
	for s, want := range map[string]string{
		"store_vectors_embedding_idx hnsw vector_cosine_ops": `CREATE INDEX IF NOT EXISTS "store_vectors_embedding_idx" ON store_vectors USING hnsw (embedding vector_cosine_ops)`,
		"i ivfflat halfvec_l2_ops lists=10":                  `CREATE INDEX IF NOT EXISTS "i" ON store_vectors USING ivfflat (embedding halfvec_l2_ops) WITH (lists = 10)`,
		"i hnsw vector_ip_ops m=8,ef_construction=64":        `CREATE INDEX IF NOT EXISTS "i" ON store_vectors USING hnsw (embedding vector_ip_ops) WITH (m = 8, ef_construction = 64)`,
	} {
		if x, ok := parseIndex(s); !ok || x.sql() != want {
			t.Errorf("%q: %v %s", s, ok, x.sql())
		}
	}
}
