package mem0

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// form is what a database is.
type form string

const (
	vectorsForm   form = "vectors"        // a collection of the JavaScript package
	pointsForm    form = "points"         // a collection of Qdrant's local folder
	pgForm        form = "pgvector"       // a collection in PostgreSQL
	jsHistory     form = "memory_history" // JavaScript
	pythonHistory form = "history"
)

// usesPlace is the table beside its collections in which older releases of the Python package keep the id that they
// count their uses under, in the columns of a collection. It holds no memory.
const usesPlace = "mem0migrations"

func (l *layout) uses() bool { return l.Form == pgForm && l.Place == usesPlace }

// subject is the kind of the rows of a collection.
func (l *layout) subject() string {
	switch {
	case l.uses():
		return "opaque"
	case l.Entities:
		return "entity"
	}
	return "memory"
}

func (f form) history() bool { return f == jsHistory || f == pythonHistory }

// A layout is what a database is. It travels in a label of the Origin, and a target makes the
// tables again.
type layout struct {
	File     string   `json:"file"`  // slash-separated, below the folder
	Place    string   `json:"place"` // its name in keys
	Form     form     `json:"form"`
	Tables   []string `json:"tables"`
	Entities bool     `json:"entities,omitempty"` // a collection of entities
	Dims     int      `json:"dims,omitempty"`     // of PostgreSQL's column
	Indexes  []string `json:"indexes,omitempty"`  // of PostgreSQL: hnsw, diskann, gin
	Half     bool     `json:"half,omitempty"`     // PostgreSQL's column holds numbers of 16 bits: mem0 makes none, and uses it
	Columns  []string `json:"columns,omitempty"`  // of a history of an older release: others than those of columnsOf

	rows  string              // the kind of what is in a collection that is called as one of entities; empty: nothing
	there bool                // the table was found in PostgreSQL
	extra map[string][]string // columns that mem0 does not make, by mem0's table
	odd   map[string][]string // what it has that mem0 does not make: columns, by mem0's table, and tables of a file, by its form
}

// columnsOf are the columns of mem0's tables. Others are a schema that is not known.
func columnsOf(table string) []string {
	switch table {
	case "vectors", "pgvector":
		return []string{"id", "vector", "payload"}
	case "points":
		return []string{"id", "point"}
	case "memory_history":
		return []string{"id", "memory_id", "previous_value", "new_value", "action", "created_at", "updated_at", "is_deleted"}
	case "history":
		return []string{"id", "memory_id", "old_memory", "new_memory", "event", "created_at", "updated_at", "is_deleted", "actor_id", "role"}
	case "messages":
		return []string{"id", "session_scope", "role", "content", "name", "created_at"}
	case "memory_migrations":
		return []string{"id", "user_id"}
	case "sqlite_sequence":
		return []string{"name", "seq"}
	}
	return nil
}

// columns are those of a table in this database.
func (l *layout) columns(table string) []string {
	if table == string(pythonHistory) && l.Columns != nil {
		return l.Columns
	}
	return columnsOf(table)
}

// keyOf is the column that identifies a row.
func keyOf(table string) string { return columnsOf(table)[0] }

// mayHave are the tables beside the main one of a form.
func mayHave(f form) []string {
	switch f {
	case vectorsForm:
		return []string{"memory_migrations", "sqlite_sequence"}
	case jsHistory:
		return []string{"messages", "sqlite_sequence"}
	case pythonHistory:
		return []string{"messages"}
	case pgForm:
		return []string{"memory_migrations"}
	}
	return nil
}

// create are the statements that make a table, as mem0 and qdrant-client write them.
func create(f form, table string) string {
	switch table {
	case "vectors":
		return `CREATE TABLE IF NOT EXISTS vectors (
        id TEXT PRIMARY KEY,
        vector BLOB NOT NULL,
        payload TEXT NOT NULL
      )`
	case "memory_migrations":
		return `CREATE TABLE IF NOT EXISTS memory_migrations (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user_id TEXT NOT NULL UNIQUE
      )`
	case "memory_history":
		return `CREATE TABLE IF NOT EXISTS memory_history (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        memory_id TEXT NOT NULL,
        previous_value TEXT,
        new_value TEXT,
        action TEXT NOT NULL,
        created_at TEXT,
        updated_at TEXT,
        is_deleted INTEGER DEFAULT 0
      )`
	case "points":
		return `CREATE TABLE IF NOT EXISTS points (id TEXT PRIMARY KEY, point BLOB)`
	case "history":
		return `CREATE TABLE IF NOT EXISTS history (
                        id           TEXT PRIMARY KEY,
                        memory_id    TEXT,
                        old_memory   TEXT,
                        new_memory   TEXT,
                        event        TEXT,
                        created_at   DATETIME,
                        updated_at   DATETIME,
                        is_deleted   INTEGER,
                        actor_id     TEXT,
                        role         TEXT
                    )`
	case "messages":
		if f == pythonHistory {
			return `CREATE TABLE IF NOT EXISTS messages (
                        id TEXT PRIMARY KEY,
                        session_scope TEXT,
                        role TEXT,
                        content TEXT,
                        name TEXT,
                        created_at DATETIME
                    )`
		}
		return `CREATE TABLE IF NOT EXISTS messages (
        id TEXT PRIMARY KEY,
        session_scope TEXT,
        role TEXT,
        content TEXT,
        name TEXT,
        created_at TEXT
      )`
	}
	return "" // SQLite makes its counters itself
}

// tablesOf are the tables of a SQLite file with their columns.
func tablesOf(ctx context.Context, e engine) (names []string, cols map[string][]string, err error) {
	cols = map[string][]string{}
	err = e.each(ctx, `SELECT +m.name, +x.name FROM sqlite_master m JOIN pragma_table_info(m.name) x WHERE m.type = 'table' ORDER BY m.name, x.cid`, nil, func(v []any) error {
		t := sqlitefile.Text(v[0])
		if cols[t] == nil {
			names = append(names, t)
		}
		cols[t] = append(cols[t], sqlitefile.Text(v[1]))
		return nil
	})
	return names, cols, err
}

// detect finds out what a SQLite file is, by its tables. An empty form: not one of mem0's.
func detect(ctx context.Context, e engine, rel string) (layout, error) {
	l := layout{File: rel, odd: map[string][]string{}}
	names, cols, err := tablesOf(ctx, e)
	if err != nil {
		return l, err
	}
	for _, f := range []form{vectorsForm, pointsForm, jsHistory, pythonHistory} {
		t := string(f)
		if cols[t] == nil || f == pythonHistory && !slices.Contains(cols[t], "memory_id") || f == vectorsForm && !slices.Contains(cols[t], "payload") {
			continue
		}
		if l.Form != "" {
			return l, fmt.Errorf("%w: %s has both tables %s and %s; supported: %s", ErrSchema, rel, l.Form, f, supported)
		}
		l.Form = f
	}
	if l.Form == "" {
		return l, nil
	}
	for _, t := range append([]string{string(l.Form)}, mayHave(l.Form)...) {
		if cols[t] == nil {
			continue
		}
		want := columnsOf(t)
		odd, ok := beyond(cols[t], want)
		if t == string(pythonHistory) && older(cols[t]) {
			if l.Columns = ofOlder(cols[t]); slices.Equal(slices.Sorted(slices.Values(l.Columns)), slices.Sorted(slices.Values(want))) { // in another order they are today's: mem0 names them
				l.Columns = nil
			}
			odd, ok = slices.DeleteFunc(odd, func(c string) bool { return slices.Contains(l.Columns, c) }), true
		}
		if !ok {
			return l, fmt.Errorf("%w: %s: table %s has the columns %s; supported: %s (%s)", ErrSchema, rel, t, strings.Join(cols[t], ", "), strings.Join(want, ", "), supported)
		}
		l.note(t, t, odd)
		l.Tables = append(l.Tables, t)
	}
	for _, t := range names {
		if !slices.Contains(l.Tables, t) && !strings.HasPrefix(t, "sqlite_") {
			l.odd[string(l.Form)] = append(l.odd[string(l.Form)], fmt.Sprintf("table %.60q", t))
		}
	}
	return l, nil
}

// An engine is one database in one transaction; ? stands for a parameter.
type engine interface {
	// each calls fn for every row; the row is valid during the call.
	each(ctx context.Context, q string, args []any, fn func([]any) error) error
	// glance is each for an fn that asks nothing: where hundreds of answers come together, none of them is kept.
	glance(ctx context.Context, q string, args []any, fn func([]any) error) error
	exec(ctx context.Context, q string, args ...any) error
	// write carries out an INSERT, UPDATE or DELETE of one row, which is refused (replay.ErrRule) where a trigger passes over it.
	write(ctx context.Context, q string, args ...any) error
	// column is a column as an expression that gives its value as records hold it, param the
	// placeholder for it.
	column(table, name string) string
	param(table, name string) string
	commit(ctx context.Context) error
	check() error
	wrap(err error) error
	close()
}

// A db is one open database.
type db struct {
	engine
	layout layout
	notes  []string
	locked bool // nobody can write it while it is read
	wrote  bool // the run has put a row into it
}

// main is the table that holds the collection or the history.
func (d *db) main() string {
	if d.layout.Form == pgForm {
		return d.layout.File
	}
	return string(d.layout.Form)
}

// with is a history to which tables are added that releases before them do not make, and leave alone.
func (l layout) with(tables []string) layout {
	if l.Form.history() {
		for _, t := range tables {
			if !slices.Contains(l.Tables, t) {
				l.Tables = append(slices.Clone(l.Tables), t)
			}
		}
	}
	return l
}

func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// selects is the list of columns as expressions.
func (d *db) selects(table string, cols []string) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = d.column(table, c)
	}
	return strings.Join(out, ", ")
}

// one reads a single number.
func (d *db) one(ctx context.Context, q string, args ...any) (n int64, err error) {
	err = d.each(ctx, q, args, func(v []any) error {
		n, _ = v[0].(int64)
		return nil
	})
	return n, err
}

// lite is SQLite.
type lite struct{ *sqlitefile.DB }

func (l lite) each(ctx context.Context, q string, args []any, fn func([]any) error) error {
	return l.Each(ctx, q, args, fn)
}

func (l lite) glance(ctx context.Context, q string, args []any, fn func([]any) error) error {
	return l.each(ctx, q, args, fn)
}

func (l lite) exec(ctx context.Context, q string, args ...any) error {
	_, err := l.Conn.ExecContext(ctx, q, args...)
	return err
}

func (l lite) write(ctx context.Context, q string, args ...any) error {
	_, err := l.Put(ctx, q, args...)
	return err
}

// column is an expression, which keeps the driver from making times of text.
func (l lite) column(_, name string) string     { return "+" + quote(name) }
func (l lite) param(_, _ string) string         { return "?" }
func (l lite) commit(ctx context.Context) error { return l.Commit(ctx) }
func (l lite) check() error                     { return l.Check() }
func (l lite) wrap(err error) error             { return l.Wrap(err) }
func (l lite) close()                           { l.Close() }
