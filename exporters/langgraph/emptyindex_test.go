package langgraph

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// A store that is set up with an index, and holds no vector yet. The JavaScript library counts its table of vectors among
// the migrations of the store: with the counts alone it would never make the table, and fail at the first item.
func TestIndexWithoutVectors(t *testing.T) {
	for _, name := range []string{"js.pg.sql", "python.pgvector.sql"} {
		t.Run(name, func(t *testing.T) {
			src := storeNamed(t, name).load(t)
			needVector(t, src)
			if name == "js.pg.sql" {
				s, err := setupOf("js+postgres", vectorTables, newestVersion, defaultShape(javascript, 4))
				if err != nil {
					t.Fatal(err)
				}
				change(t, src, strings.Join(s.statements(), ";\n"))
			}
			change(t, src, "DELETE FROM store_vectors")
			m, _ := drivertest.Export(t, src)
			dst := postgres(t, pgtest.Database(t))
			plan := apply(t, dst, m, true)
			if d := cmp.Diff(bare(plan), bare(apply(t, dst, m, false))); d != "" {
				t.Errorf("plan and run differ:\n%s", d)
			}
			if d := cmp.Diff(schemaOf(t, src), schemaOf(t, dst)); d != "" {
				t.Errorf("schema differs (-runtime +made):\n%s", d)
			}
			dst = postgres(t, pgtest.Database(t)) // in which the store is set up without an index
			s, err := setupOf(strings.Split(name, ".")[0]+"+postgres", storeTables, newestVersion, nil)
			if err != nil {
				t.Fatal(err)
			}
			change(t, dst, strings.Join(s.statements(), ";\n"))
			plan = apply(t, dst, m, true)
			if d := cmp.Diff(bare(plan), bare(apply(t, dst, m, false))); d != "" {
				t.Errorf("plan and run differ:\n%s", d)
			}
			if d := cmp.Diff(schemaOf(t, src), schemaOf(t, dst)); d != "" {
				t.Errorf("schema differs (-runtime +made):\n%s", d)
			}
			for _, rc := range apply(t, dst, m, false) {
				if agentstate.KindOfKey(rc.Key) == "opaque" && rc.Action != replay.Same {
					t.Errorf("%s: %v %s", rc.Key, rc.Action, rc.Why)
				}
			}
		})
	}
}

// Where the table of vectors cannot be made, nothing counts it as made: the store sets it up when it can.
func TestIndexThatCannotBe(t *testing.T) {
	src := storeNamed(t, "js.pg.sql").load(t)
	change(t, src, "INSERT INTO store_migrations VALUES (4), (5), (6)")
	m, _ := drivertest.Export(t, src)
	n := 0
	for _, rc := range apply(t, postgres(t, pgtest.Database(t)), m, false) {
		switch {
		case rc.Action != replay.Refused:
		case strings.HasPrefix(rc.Key, "opaque/store_migrations/") && strings.Contains(rc.Why, "table of vectors"):
			n++
		default:
			t.Errorf("%s: %s", rc.Key, rc.Why)
		}
	}
	if n != 3 {
		t.Errorf("%d of 3 counts are refused", n)
	}
}
