package langgraph

import (
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// Older releases of Python's library wrote rows of type empty, which the JavaScript library still does, and
// no task path: langgraph-checkpoint-postgres 1.0.3 has the migrations 0 to 4. The time of a checkpoint tells.
func TestEmptyRowsOfPython(t *testing.T) {
	older := func(more ...string) []string {
		return append([]string{"ALTER TABLE checkpoint_writes DROP COLUMN task_path"}, more...)
	}
	const noTime = "UPDATE checkpoints SET checkpoint = checkpoint - 'ts'"
	for name, c := range map[string]struct {
		change []string
		want   string
	}{
		"with task paths":           {[]string{noTime}, "python+postgres"},
		"without":                   {older(), "python+postgres"},
		"at version 8":              {older("DELETE FROM checkpoint_migrations WHERE v > 8"), "python+postgres"},
		"at version 4":              {older("DELETE FROM checkpoint_migrations WHERE v > 4"), "python+postgres"},
		"at version 8, no time":     {older("DELETE FROM checkpoint_migrations WHERE v > 8", noTime), "python+postgres"},
		"at version 4, no time":     {older("DELETE FROM checkpoint_migrations WHERE v > 4", noTime), "js+postgres"},
		"at version 4, another one": {older("DELETE FROM checkpoint_migrations WHERE v > 4", `UPDATE checkpoints SET checkpoint = jsonb_set(checkpoint, '{ts}', '"2026-01-01T00:00:00.000Z"')`), "js+postgres"},
	} {
		t.Run(name, func(t *testing.T) {
			u := pgtest.Database(t)
			load(t, u, "python.pg.sql")
			pgtest.Exec(t, u, append(c.change, "DELETE FROM checkpoint_writes", "DELETE FROM checkpoint_blobs", "DROP TABLE store",
				"INSERT INTO checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, type, blob) SELECT thread_id, checkpoint_ns, checkpoint_id, 't', 0, 'foo', 'json', '1' FROM checkpoints",
				"INSERT INTO checkpoint_blobs VALUES ('t-done', '', 'foo', '1', 'json', '\"x\"'), ('t-done', '', 'branch:to:x', '1', 'empty', NULL)")...)
			m, _ := drivertest.Export(t, postgres(t, u))
			if f := originOf(t, m).Flavor; f != c.want {
				t.Errorf("flavor %s, want %s", f, c.want)
			}
			if n := actions(apply(t, postgres(t, pgtest.Database(t)), m, false)); n["refuse"]+n["conflict"] > 0 {
				t.Errorf("into an empty database: %v", n)
			}
		})
	}
}

// TestLanguageBesideSealed: a program with a serializer of its own, or a value that JavaScript could not serialize, leaves
// documents that say no time. The others tell, and else the ids of checkpoints.
func TestLanguageBesideSealed(t *testing.T) {
	sealed := []string{"UPDATE checkpoints SET type = 'b64', checkpoint = CAST('eyJ2IjoxfQ==' AS BLOB), metadata = CAST('eyJ2IjoxfQ==' AS BLOB)", "UPDATE writes SET type = 'b64'"}
	for name, c := range map[string]struct {
		sample string
		change []string
		want   string
	}{
		"the last one is no object": {"js.sqlite", []string{`INSERT INTO checkpoints VALUES ('zz', '', '2f', NULL, 'json', CAST('"[unable to serialize]"' AS BLOB), CAST('{}' AS BLOB))`}, "js+sqlite"},
		"the last one is sealed":    {"js.sqlite", []string{`INSERT INTO checkpoints VALUES ('zz', '', '2f', NULL, 'b64', CAST('eyJ2IjoxfQ==' AS BLOB), CAST('eyJ2IjoxfQ==' AS BLOB))`}, "js+sqlite"},
		"all are sealed":            {"js.sqlite", sealed, "js+sqlite"},
		"all of Python are":         {"python.sqlite", append(sealed, "DROP TABLE store", "DROP TABLE store_vectors"), "python+sqlite"},
	} {
		t.Run(name, func(t *testing.T) {
			p := sample(t, c.sample)
			run(t, p, false, c.change...)
			m, _ := drivertest.Export(t, SQLite(p))
			if f := originOf(t, m).Flavor; f != c.want {
				t.Errorf("flavor %s, want %s", f, c.want)
			}
		})
	}
}
