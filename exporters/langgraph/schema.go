package langgraph

import (
	"fmt"
	"strings"
)

// A group is a set of tables that the runtime's setup makes together.
type tableGroup string

const (
	checkpointTables tableGroup = "checkpoints"
	storeTables      tableGroup = "store"
	vectorTables     tableGroup = "vectors"
)

// groupOf is the group of a table.
func groupOf(name string) tableGroup {
	switch name {
	case "store", "store_migrations":
		return storeTables
	case "store_vectors", "vector_migrations":
		return vectorTables
	}
	return checkpointTables
}

// A setup is what the runtime's own setup does for one group: statements, each of which is one
// migration, and the table that counts them.
type setup struct {
	before  []string // not counted
	counter string   // migrations table; empty: the runtime counts nothing
	first   int64    // number of the first statement
	steps   []string
}

// setupOf is the setup of group g at version v of its migrations (-1: none of them). The checkpoints
// of SQLite have no migrations: below pathVersion is how they were before they had a task_path.
func setupOf(flavor string, g tableGroup, v int64, vec *vectorShape) (*setup, error) {
	var s *setup
	switch flavor + " " + string(g) {
	case "python+sqlite checkpoints", "js+sqlite checkpoints":
		return &setup{before: sqliteCheckpoints(flavor, v)}, nil
	case "python+sqlite store":
		s = &setup{before: []string{counter("store_migrations", 16)}, counter: "store_migrations", steps: pythonSQLiteStore()}
	case "python+sqlite vectors":
		s = &setup{before: []string{counter("vector_migrations", 20)}, counter: "vector_migrations", steps: []string{pythonSQLiteVectors}}
	case "python+postgres checkpoints":
		s = &setup{counter: "checkpoint_migrations", steps: pythonCheckpoints()}
	case "python+postgres store":
		s = &setup{before: []string{counter("store_migrations", 0)}, counter: "store_migrations", steps: pythonStore()}
	case "python+postgres vectors":
		s = &setup{before: []string{counter("vector_migrations", 0)}, counter: "vector_migrations", steps: pythonVectors(vec)}
	case "js+postgres checkpoints":
		s = &setup{counter: "checkpoint_migrations", steps: javascriptCheckpoints()}
	case "js+postgres store":
		s = &setup{counter: "store_migrations", steps: javascriptStore()}
	case "js+postgres vectors":
		s = &setup{counter: "store_migrations", first: firstOfVectors, steps: javascriptVectors(vec)}
	default:
		return nil, fmt.Errorf("langgraph: %s has no %s", flavor, g)
	}
	if n := v - s.first + 1; n >= 0 && n < int64(len(s.steps)) {
		s.steps = s.steps[:n]
	}
	return s, nil
}

// statements are the SQL of s in order, each migration followed by its count.
func (s *setup) statements() []string {
	out := append([]string(nil), s.before...)
	for i, q := range s.steps {
		out = append(out, q)
		if s.counter != "" {
			out = append(out, fmt.Sprintf("INSERT INTO %s (v) VALUES (%d)", s.counter, s.first+int64(i)))
		}
	}
	return out
}

// counter makes a migrations table. SQLite keeps the white space of the statement, so it is the
// runtime's: indent is that of the closing bracket.
func counter(name string, indent int) string {
	in := strings.Repeat(" ", indent)
	return "CREATE TABLE IF NOT EXISTS " + name + " (\n" + in + "    v INTEGER PRIMARY KEY\n" + in + ")"
}

// newestVersion is above every version.
const newestVersion = 1 << 30

// pathVersion stands for the schema of Python's checkpoints in SQLite that has writes.task_path.
const pathVersion = 1

// sqliteCheckpoints is the same for both languages but for the white space, which SQLite keeps, and
// the column that Python added.
func sqliteCheckpoints(flavor string, v int64) []string {
	tables := []string{
		`CREATE TABLE IF NOT EXISTS checkpoints (
  thread_id TEXT NOT NULL,
  checkpoint_ns TEXT NOT NULL DEFAULT '',
  checkpoint_id TEXT NOT NULL,
  parent_checkpoint_id TEXT,
  type TEXT,
  checkpoint BLOB,
  metadata BLOB,
  PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id)
)`,
		`CREATE TABLE IF NOT EXISTS writes (
  thread_id TEXT NOT NULL,
  checkpoint_ns TEXT NOT NULL DEFAULT '',
  checkpoint_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  idx INTEGER NOT NULL,
  channel TEXT NOT NULL,
  type TEXT,
  value BLOB,
  PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
)`,
	}
	if flavor == "python+sqlite" {
		if v >= pathVersion {
			tables[1] = strings.Replace(tables[1], "\n  idx ", "\n  task_path TEXT NOT NULL DEFAULT '',\n  idx ", 1)
		}
		for i, q := range tables {
			q = strings.ReplaceAll(q, "\n  ", "\n                ")
			tables[i] = strings.TrimSuffix(q, "\n)") + "\n            )"
		}
	}
	return tables
}

func pythonSQLiteStore() []string {
	return []string{
		`
CREATE TABLE IF NOT EXISTS store (
    -- 'prefix' represents the doc's 'namespace'
    prefix text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (prefix, key)
)`,
		`CREATE INDEX IF NOT EXISTS store_prefix_idx ON store (prefix)`,
		`ALTER TABLE store
ADD COLUMN expires_at TIMESTAMP`,
		`ALTER TABLE store
ADD COLUMN ttl_minutes REAL`,
		`CREATE INDEX IF NOT EXISTS idx_store_expires_at ON store (expires_at)
WHERE expires_at IS NOT NULL`,
	}
}

const pythonSQLiteVectors = `
CREATE TABLE IF NOT EXISTS store_vectors (
    prefix text NOT NULL,
    key text NOT NULL,
    field_name text NOT NULL,
    embedding BLOB,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (prefix, key, field_name),
    FOREIGN KEY (prefix, key) REFERENCES store(prefix, key) ON DELETE CASCADE
)`

// postgresCheckpoints are the migrations that both languages have: 0 to 4.
func postgresCheckpoints() []string {
	return []string{
		`CREATE TABLE IF NOT EXISTS checkpoint_migrations (
    v INTEGER PRIMARY KEY
)`,
		`CREATE TABLE IF NOT EXISTS checkpoints (
    thread_id TEXT NOT NULL,
    checkpoint_ns TEXT NOT NULL DEFAULT '',
    checkpoint_id TEXT NOT NULL,
    parent_checkpoint_id TEXT,
    type TEXT,
    checkpoint JSONB NOT NULL,
    metadata JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id)
)`,
		`CREATE TABLE IF NOT EXISTS checkpoint_blobs (
    thread_id TEXT NOT NULL,
    checkpoint_ns TEXT NOT NULL DEFAULT '',
    channel TEXT NOT NULL,
    version TEXT NOT NULL,
    type TEXT NOT NULL,
    blob BYTEA,
    PRIMARY KEY (thread_id, checkpoint_ns, channel, version)
)`,
		`CREATE TABLE IF NOT EXISTS checkpoint_writes (
    thread_id TEXT NOT NULL,
    checkpoint_ns TEXT NOT NULL DEFAULT '',
    checkpoint_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    idx INTEGER NOT NULL,
    channel TEXT NOT NULL,
    type TEXT,
    blob BYTEA NOT NULL,
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
)`,
		`ALTER TABLE checkpoint_blobs ALTER COLUMN blob DROP NOT NULL`,
	}
}

func javascriptCheckpoints() []string { return postgresCheckpoints() }

// pythonCheckpoints makes its indexes in the run's transaction: not CONCURRENTLY, as the runtime
// does.
func pythonCheckpoints() []string {
	return append(postgresCheckpoints(),
		"SELECT 1",
		"CREATE INDEX IF NOT EXISTS checkpoints_thread_id_idx ON checkpoints(thread_id)",
		"CREATE INDEX IF NOT EXISTS checkpoint_blobs_thread_id_idx ON checkpoint_blobs(thread_id)",
		"CREATE INDEX IF NOT EXISTS checkpoint_writes_thread_id_idx ON checkpoint_writes(thread_id)",
		"ALTER TABLE checkpoint_writes ADD COLUMN IF NOT EXISTS task_path TEXT NOT NULL DEFAULT ''",
	)
}

func pythonStore() []string {
	return []string{
		`CREATE TABLE IF NOT EXISTS store (
    prefix text NOT NULL,
    key text NOT NULL,
    value jsonb NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (prefix, key)
)`,
		"CREATE INDEX IF NOT EXISTS store_prefix_idx ON store USING btree (prefix text_pattern_ops)",
		`ALTER TABLE store
ADD COLUMN IF NOT EXISTS expires_at TIMESTAMP WITH TIME ZONE,
ADD COLUMN IF NOT EXISTS ttl_minutes INT`,
		"CREATE INDEX IF NOT EXISTS idx_store_expires_at ON store (expires_at) WHERE expires_at IS NOT NULL",
	}
}

func pythonVectors(vec *vectorShape) []string {
	out := []string{
		"CREATE EXTENSION IF NOT EXISTS vector",
		`CREATE TABLE IF NOT EXISTS store_vectors (
    prefix text NOT NULL,
    key text NOT NULL,
    field_name text NOT NULL,
    embedding ` + vec.column() + `,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (prefix, key, field_name),
    FOREIGN KEY (prefix, key) REFERENCES store(prefix, key) ON DELETE CASCADE
)`,
	}
	for i, x := range vec.indexes {
		if i > 0 {
			out[2] += "; " + x.sql()
		} else {
			out = append(out, x.sql())
		}
	}
	return out
}

func javascriptStore() []string {
	return []string{
		"CREATE TABLE IF NOT EXISTS store_migrations (\n    v INTEGER PRIMARY KEY\n)",
		`CREATE TABLE IF NOT EXISTS store (
    namespace_path TEXT NOT NULL,
    key TEXT NOT NULL,
    value JSONB NOT NULL,
    created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,
    expires_at TIMESTAMPTZ,
    PRIMARY KEY (namespace_path, key)
)`,
		`CREATE INDEX IF NOT EXISTS idx_store_namespace_path ON store USING btree (namespace_path);
CREATE INDEX IF NOT EXISTS idx_store_value_gin ON store USING gin (value);
CREATE INDEX IF NOT EXISTS idx_store_expires_at ON store USING btree (expires_at) WHERE expires_at IS NOT NULL`,
		`CREATE OR REPLACE FUNCTION update_updated_at_column()
    RETURNS TRIGGER AS $$
    BEGIN
      NEW.updated_at = CURRENT_TIMESTAMP;
      RETURN NEW;
    END;
    $$ language 'plpgsql';
DROP TRIGGER IF EXISTS update_store_updated_at ON store;
CREATE TRIGGER update_store_updated_at BEFORE UPDATE ON store FOR EACH ROW EXECUTE FUNCTION update_updated_at_column()`,
	}
}

func javascriptVectors(vec *vectorShape) []string {
	out := []string{
		"CREATE EXTENSION IF NOT EXISTS vector SCHEMA public", // it names its tables in full, and operators by the default path
		`CREATE TABLE IF NOT EXISTS store_vectors (
      namespace_path TEXT NOT NULL,
      key TEXT NOT NULL,
      field_path TEXT NOT NULL,
      text_content TEXT NOT NULL,
      embedding ` + vec.column() + ` NOT NULL,
      created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,
      PRIMARY KEY (namespace_path, key, field_path),
      FOREIGN KEY (namespace_path, key) REFERENCES store(namespace_path, key) ON DELETE CASCADE
    )`,
	}
	for _, x := range vec.indexes {
		out = append(out, x.sql())
	}
	return out
}

// tablesOf are the tables that the setup of a group at version v makes, as introspection would find
// them: a plan needs them before they are there. Only the checkpoints of SQLite differ by version.
func tablesOf(flavor string, g tableGroup, v int64, vec *vectorShape) map[string]*table {
	js := strings.HasPrefix(flavor, "js")
	sqlite := strings.HasSuffix(flavor, "sqlite")
	jsonb, bytes, times, path := "jsonb", "bytea", "timestamptz", "task_path text"
	if sqlite {
		jsonb, bytes, times = "BLOB", "BLOB", "TIMESTAMP"
	}
	if js || sqlite && v < pathVersion {
		path = ""
	}
	out := map[string]*table{}
	add := func(name string, cols ...string) {
		t := &table{name: name, ident: quote(name), key: keyColumns(name, js)}
		for _, c := range cols {
			n, typ, _ := strings.Cut(c, " ")
			if typ == "text" && sqlite {
				typ = "TEXT"
			}
			if n != "" {
				t.cols = append(t.cols, column{name: n, typ: strings.TrimSuffix(typ, " "), full: typ})
			}
		}
		out[name] = t
	}
	switch {
	case g == checkpointTables && sqlite:
		add("checkpoints", "thread_id text", "checkpoint_ns text", "checkpoint_id text", "parent_checkpoint_id text", "type text", "checkpoint "+jsonb, "metadata "+jsonb)
		add("writes", "thread_id text", "checkpoint_ns text", "checkpoint_id text", "task_id text", path, "idx INTEGER", "channel text", "type text", "value "+bytes)
	case g == checkpointTables:
		add("checkpoints", "thread_id text", "checkpoint_ns text", "checkpoint_id text", "parent_checkpoint_id text", "type text", "checkpoint "+jsonb, "metadata "+jsonb)
		add("checkpoint_blobs", "thread_id text", "checkpoint_ns text", "channel text", "version text", "type text", "blob "+bytes)
		add("checkpoint_writes", "thread_id text", "checkpoint_ns text", "checkpoint_id text", "task_id text", "idx int4", "channel text", "type text", "blob "+bytes, path)
		add("checkpoint_migrations", "v int4")
	case g == storeTables && js:
		add("store", "namespace_path text", "key text", "value jsonb", "created_at timestamptz", "updated_at timestamptz", "expires_at timestamptz")
		add("store_migrations", "v int4")
	case g == storeTables:
		value, ttl, count := "value jsonb", "ttl_minutes int4", "v int4"
		if sqlite {
			value, ttl, count = "value text", "ttl_minutes REAL", "v INTEGER"
		}
		add("store", "prefix text", "key text", value, "created_at "+times, "updated_at "+times, "expires_at "+times, ttl)
		add("store_migrations", count)
	case g == vectorTables && js:
		add("store_vectors", "namespace_path text", "key text", "field_path text", "text_content text", "embedding "+vec.typ, "created_at timestamptz")
	case g == vectorTables:
		typ, count := "BLOB", "v INTEGER"
		if !sqlite {
			typ, count = vec.typ, "v int4"
		}
		add("store_vectors", "prefix text", "key text", "field_name text", "embedding "+typ, "created_at "+times, "updated_at "+times)
		add("vector_migrations", count)
	}
	return out
}
