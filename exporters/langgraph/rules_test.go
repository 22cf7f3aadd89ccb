package langgraph

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
)

// rulesOf is what a plan of m into dst says of the target's own rules.
func rulesOf(t *testing.T, dst *Store, m *memstate.State) []string {
	t.Helper()
	rep, err := replay.Plan(t.Context(), dst, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rep.Rules
}

// TestRules: a plan names what an application put on the target's tables that may keep rows out, and nothing of the
// library's own. What is named does keep a row out, and the refusal has nothing of the row.
func TestRules(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		m, _ := drivertest.Export(t, SQLite(sample(t, "js.sqlite")))
		dst := SQLite(filepath.Join(t.TempDir(), "copy.sqlite"))
		if got := rulesOf(t, dst, m); len(got) > 0 {
			t.Errorf("no store: %q", got)
		}
		apply(t, dst, m, false)
		if got := rulesOf(t, dst, m); len(got) > 0 {
			t.Errorf("the library's own: %q", got)
		}
		change(t, dst, `DELETE FROM checkpoints; DELETE FROM writes; DROP TABLE writes; CREATE UNIQUE INDEX once ON checkpoints (checkpoint_id);
			CREATE TABLE writes (thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id TEXT NOT NULL, task_id TEXT NOT NULL, idx INTEGER NOT NULL, channel TEXT NOT NULL,
				type TEXT, value BLOB, tenant TEXT NOT NULL, more TEXT DEFAULT 'check (', -- it's one that
				check (length(type) < 9), PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx));
			CREATE TRIGGER keep_out BEFORE INSERT ON CheckPoints BEGIN SELECT RAISE(ABORT, 's3cret'); END`)
		want := []string{"UNIQUE once on checkpoints", "trigger keep_out on checkpoints", "CHECK on writes", "NOT NULL tenant on writes"}
		if d := cmp.Diff(want, rulesOf(t, dst, m)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if _, err := tryApply(t, dst, m, false); !errors.Is(err, replay.ErrRule) || strings.Contains(err.Error(), "s3cret") {
			t.Error(err)
		}
	})
	t.Run("postgres", func(t *testing.T) {
		for _, name := range []string{"js.pg.sql", "python.pg.sql"} {
			u := pgtest.Database(t)
			load(t, u, name)
			dst := postgres(t, u)
			m, _ := drivertest.Export(t, dst)
			if got := rulesOf(t, dst, m); len(got) > 0 {
				t.Errorf("the library's own: %q", got)
			}
			pgtest.Exec(t, u, "CREATE TABLE tenants (id text PRIMARY KEY)", "DELETE FROM checkpoints; DELETE FROM checkpoint_blobs",
				"ALTER TABLE checkpoints ADD CONSTRAINT known FOREIGN KEY (thread_id) REFERENCES tenants, ADD CONSTRAINT short CHECK (length(thread_id) < 3) NOT VALID, ADD tenant text NOT NULL, ADD later text NOT NULL DEFAULT ''",
				"CREATE UNIQUE INDEX once ON checkpoint_blobs (md5(blob))", "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
				"CREATE TRIGGER looks BEFORE INSERT ON checkpoint_blobs FOR EACH ROW EXECUTE FUNCTION nothing()", "CREATE TRIGGER off BEFORE INSERT ON checkpoint_blobs FOR EACH ROW EXECUTE FUNCTION nothing()",
				"ALTER TABLE checkpoint_blobs DISABLE TRIGGER off", "CREATE DOMAIN tag AS text CHECK (length(value) < 20)", "ALTER TABLE checkpoint_writes ALTER type TYPE tag, ALTER channel TYPE tag",
				"CREATE RULE away AS ON INSERT TO checkpoint_writes DO INSTEAD NOTHING", "CREATE RULE kept AS ON DELETE TO checkpoint_writes DO INSTEAD NOTHING",
				"CREATE RULE changes AS ON UPDATE TO checkpoint_writes DO ALSO NOTHING", "ALTER TABLE checkpoint_writes DISABLE RULE changes", "CREATE RULE idle AS ON INSERT TO checkpoint_writes DO ALSO NOTHING", "ALTER TABLE checkpoint_writes DISABLE RULE idle")
			want := []string{"UNIQUE once on checkpoint_blobs", "trigger looks on checkpoint_blobs", "DOMAIN tag on checkpoint_writes", "RULE away on checkpoint_writes", "RULE changes on checkpoint_writes", "CHECK short on checkpoints", "FOREIGN KEY known on checkpoints", "NOT NULL tenant on checkpoints"}
			if d := cmp.Diff(want, rulesOf(t, dst, m)); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
			pgtest.Exec(t, u, "DROP INDEX once")
			if _, err := tryApply(t, dst, m, false); !errors.Is(err, replay.ErrRule) || !strings.Contains(err.Error(), `"tenant"`) {
				t.Error(err)
			}
		}
	})
}
