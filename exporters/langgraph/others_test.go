package langgraph

import (
	"slices"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot/pgtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// sqliteCache is what langgraph.cache.sqlite makes.
const sqliteCache = `CREATE TABLE IF NOT EXISTS cache (
                ns TEXT,
                key TEXT,
                expiry REAL,
                encoding TEXT NOT NULL,
                val BLOB NOT NULL,
                PRIMARY KEY (ns, key)
            )`

// TestOthers: what lies beside the runtime's tables and is not carried is named, before an export and in
// the archive.
func TestOthers(t *testing.T) {
	lite := func(statements ...string) func(t *testing.T) *Store {
		return func(t *testing.T) *Store {
			p := sample(t, "js.sqlite") // without a long-term store
			run(t, p, false, statements...)
			return SQLite(p)
		}
	}
	for name, c := range map[string]struct {
		from func(t *testing.T) *Store
		want string
	}{
		"nothing":      {lite(), ""},
		"a node cache": {lite(sqliteCache), "not carried: cache, LangGraph's cache of what nodes returned: they run again"},
		"another's cache": {lite("CREATE TABLE cache (k, v)", "CREATE VIEW v AS SELECT k FROM cache"),
			"not carried: 1 of an application: cache; views (1): v"},
		"what acts on the tables": {lite("CREATE TRIGGER watch AFTER INSERT ON Writes BEGIN SELECT 1; END", "CREATE UNIQUE INDEX one ON checkpoints (thread_id, checkpoint_id)", "CREATE INDEX two ON writes (type)", "CREATE INDEX type ON writes (type)"),
			"not carried: triggers (1): watch; indexes (3): one, two, type"},
		"another's store": {lite("CREATE TABLE store (id INTEGER PRIMARY KEY, name TEXT)"), "not carried: 1 of an application: store"},
		"vectors alone": {func(t *testing.T) *Store {
			p := sample(t, "python.sqlite")
			run(t, p, false, "DROP TABLE store", "CREATE TABLE mine (x)")
			return SQLite(p)
		}, "not carried: store_vectors, vectors of items that no table has; 1 of an application: mine"},
		"vectors alone in PostgreSQL": {func(t *testing.T) *Store {
			u := pgtest.Database(t)
			load(t, u, "python.pg.sql")
			pgtest.Exec(t, u, "DROP TABLE store CASCADE", "CREATE TABLE IF NOT EXISTS store_vectors (prefix text, key text)")
			return postgres(t, u)
		}, "not carried: public.store_vectors, vectors of items that no table has"},
		"many": {lite(sqliteCache, "CREATE TABLE a (x)", "CREATE TABLE b (x)", "CREATE TABLE d (x)", "CREATE TABLE e (x)", "CREATE VIRTUAL TABLE f USING fts5(x)", "CREATE TABLE g (x)"),
			"not carried: cache, LangGraph's cache of what nodes returned: they run again; 6 of an application: a, b, d, e, f, …"},
		"PostgreSQL": {func(t *testing.T) *Store {
			u := pgtest.Database(t)
			load(t, u, "python.pg.sql")
			pgtest.Exec(t, u, "CREATE TABLE users (x int)", "CREATE VIEW seen AS SELECT x FROM users", "CREATE SCHEMA older", "CREATE TABLE older.checkpoints (x int)",
				"CREATE TABLE parts (x int) PARTITION BY LIST (x)", "CREATE TABLE part1 PARTITION OF parts FOR VALUES IN (1)")
			return postgres(t, u+"?search_path=public,older")
		}, "not carried: 3 of an application: public.parts, public.users, older.checkpoints; views (1): public.seen"},
		"a trigger of the JavaScript library": {func(t *testing.T) *Store {
			u := pgtest.Database(t)
			load(t, u, "js.pg.sql")
			return postgres(t, u)
		}, ""},
		"what acts on the tables of PostgreSQL": {func(t *testing.T) *Store {
			u := pgtest.Database(t)
			load(t, u, "python.pg.sql")
			pgtest.Exec(t, u, "CREATE INDEX by_source ON checkpoints ((metadata->>'source'))", "CREATE INDEX updated_at ON store (updated_at)", "ALTER TABLE store ADD CONSTRAINT once UNIQUE (key, prefix)",
				"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'", "CREATE TRIGGER watch AFTER DELETE ON store FOR EACH ROW EXECUTE FUNCTION f()")
			return postgres(t, u)
		}, "not carried: triggers (1): watch; indexes (3): by_source, once, updated_at"},
	} {
		t.Run(name, func(t *testing.T) {
			s := c.from(t)
			pre, err := s.Preflight(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			m, rep := drivertest.Export(t, s)
			if len(rep.Gaps) > 0 {
				t.Error(rep.Gaps)
			}
			labels := originOf(t, m).Meta.Labels
			i := slices.IndexFunc(labels, func(l *pb.Label) bool { return l.Name == labelTables })
			if c.want == "" {
				if i >= 0 || slices.ContainsFunc(pre.Notes, func(n string) bool { return n == labelTables }) {
					t.Error(labels, pre.Notes)
				}
				return
			}
			if i < 0 || labels[i].Value != c.want {
				t.Errorf("labels %v, want %q", labels, c.want)
			}
			if !slices.Contains(pre.Notes, labelTables+": "+c.want) {
				t.Errorf("notes %q, want %q", pre.Notes, c.want)
			}
		})
	}
}
