package langgraph

import (
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// TestFlavor: the tables have the same names in both languages; what is in them tells.
func TestFlavor(t *testing.T) {
	flavor := func(t *testing.T, s *Store) string {
		p, err := s.Preflight(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return p.Origin.Flavor + " " + p.Origin.Schema
	}
	for _, at := range stores() {
		t.Run(at.name, func(t *testing.T) {
			want := map[string]string{
				"js.sqlite": "js+sqlite ", "python.sqlite": "python+sqlite store=4 vectors=0", "js.pg.sql": "js+postgres checkpoints=4 store=3",
				"python.pg.sql": "python+postgres checkpoints=9 store=3", "python.pgvector.sql": "python+postgres checkpoints=9 store=3 vectors=2",
			}[at.name]
			if got := flavor(t, at.load(t)); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
	t.Run("values before versions", func(t *testing.T) { // an old Python library stopped at 4 too
		u := pgtest.Database(t)
		load(t, u, "python.pg.sql")
		pgtest.Exec(t, u, "DELETE FROM checkpoint_migrations WHERE v > 4", "ALTER TABLE checkpoint_writes DROP COLUMN task_path", "DROP TABLE store")
		if got := flavor(t, postgres(t, u)); got != "python+postgres checkpoints=4 store=3" {
			t.Error(got)
		}
	})
	t.Run("Python without rows", func(t *testing.T) {
		u := pgtest.Database(t)
		load(t, u, "python.pg.sql")
		pgtest.Exec(t, u, "DROP TABLE store", "TRUNCATE checkpoints, checkpoint_blobs, checkpoint_writes")
		if got := flavor(t, postgres(t, u)); got != "python+postgres checkpoints=9 store=3" {
			t.Error(got)
		}
	})
	t.Run("cannot be told", func(t *testing.T) {
		p := sample(t, "js.sqlite")
		run(t, p, false, "DELETE FROM checkpoints", "DELETE FROM writes")
		pre, err := SQLite(p).Preflight(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if pre.Origin.Flavor != "python+sqlite" || !slices.ContainsFunc(pre.Notes, func(n string) bool { return strings.Contains(n, "taken as Python") }) {
			t.Errorf("%s %q", pre.Origin.Flavor, pre.Notes)
		}
		// As a target it takes what comes.
		m, _ := drivertest.Export(t, SQLite(sample(t, "js.sqlite")))
		if n := actions(apply(t, SQLite(p), m, false)); n["create"] != 149 {
			t.Errorf("%v", n)
		}
	})
	t.Run("JavaScript does not read Python", func(t *testing.T) {
		m, _ := drivertest.Export(t, SQLite(sample(t, "python.sqlite")))
		for _, rc := range apply(t, SQLite(sample(t, "js.sqlite")), m, false) {
			if rc.Action == replay.Created {
				t.Errorf("%s was written: %s", rc.Key, rc.Why)
			}
		}
	})
}

// TestUntoldFlavor: an old Python library made the same tables as JavaScript's, and empty ones take the state of either.
func TestUntoldFlavor(t *testing.T) {
	for source, want := range map[string]string{"v1.sqlite": "", "js.sqlite": "", "sends.sqlite": "has no column task_path"} {
		u := pgtest.Database(t)
		s, err := setupOf("js+postgres", checkpointTables, newestVersion, nil)
		if err != nil {
			t.Fatal(err)
		}
		pgtest.Exec(t, u, s.statements()...)
		if p, err := postgres(t, u).Preflight(t.Context()); err != nil || len(p.Notes) == 0 || !strings.Contains(p.Notes[0], "taken as JavaScript") {
			t.Errorf("%v %v", p, err)
		}
		m, _ := drivertest.Export(t, SQLite(sample(t, source)))
		rcs, err := tryApply(t, postgres(t, u), m, false)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", source, err, want)
			}
			continue
		}
		if n := actions(rcs); err != nil || n["create"] == 0 || n["refuse"] > 0 {
			t.Errorf("%s: %v %v", source, n, err)
		}
	}
}
