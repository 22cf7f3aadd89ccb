package langgraph

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
)

// An engine is one database, read in one consistent snapshot. SQL is the same for both
// databases as far as it can be; what differs is behind these methods.
type engine interface {
	// tables finds the runtime's tables, by name, with what the observer may do with them.
	tables(ctx context.Context) (map[string]*table, error)
	// others are what an application put beside ts.
	others(ctx context.Context, ts map[string]*table) (beside, error)
	// scan reads the rows of t whose first key columns equal prefix and whose remaining ones
	// come after after (nil: from the start), in key order. fn may read other tables; it ends
	// the scan with stop.
	scan(ctx context.Context, t *table, prefix, after []cell, fn func(row []cell) (stop bool, err error)) error
	// query reads a small result.
	query(ctx context.Context, sql string, args ...any) ([][]cell, error)
	// value reads n bytes at off of one column of the row with the key pk; n < 0: to the end.
	value(ctx context.Context, t *table, pk []cell, col string, off, n int64) ([]byte, error)
	// fingerprint identifies the state of the store: equal means unchanged.
	fingerprint(ctx context.Context, ts map[string]*table) (string, error)
	// check fails when the snapshot did not hold.
	check() error
	facts() facts
	close() error
}

// valueOf is what expr gives of the row of t with the key pk.
func valueOf(ctx context.Context, e engine, t *table, pk []cell, expr string) ([]byte, error) {
	var where []string
	var args []any
	for i, k := range t.key {
		where = append(where, quote(k)+" = ?")
		args = append(args, pk[i].arg())
	}
	rows, err := e.query(ctx, "SELECT "+expr+" FROM "+t.from("")+" WHERE "+strings.Join(where, " AND "), args...)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, fmt.Errorf("%w: row of %s", agentstate.ErrNotFound, t.name)
	}
	return rows[0][0].b, nil
}

// facts are what a reading knows of its database besides the rows.
type facts struct {
	engine   string   // "sqlite", "postgres"
	location string   // for people; no credentials
	observer string   // who reads
	basis    string   // how that is known
	account  string   // file or database
	access   string   // why the observer sees all rows; empty: it may not
	notes    []string // what a person should know
	labels   [][2]string
}

// A table is one of the runtime's tables.
type table struct {
	name  string   // as the runtime calls it
	ident string   // quoted, for SQL
	home  string   // the schema that it lies in; SQLite: empty
	view  string   // the statement that gives its rows as the runtime has them elsewhere; empty: they are
	cols  []column // in the order of the table, generated ones left out
	key   []string // primary key
	// denied is the permission that reading needs and the observer lacks; partial is the one
	// that would show all rows where it sees some.
	denied, partial string
	planned         bool // in a plan: the run would make it
}

// A column is a column of a table.
type column struct {
	name string
	typ  string // PostgreSQL's type name; for SQLite the declared type
	full string // with its parameters: "vector(4)"
	own  bool   // the database numbers rows in it, and takes no other value
}

// col is the position of the column name; -1: there is none.
func (t *table) col(name string) int {
	return slices.IndexFunc(t.cols, func(c column) bool { return c.name == name })
}

// asText is a column of texts in an expression, where an owner made it a uuid, too, which PostgreSQL has no max of and compares with no text.
func (t *table) asText(name string) string {
	if t.cols[t.col(name)].typ == "uuid" {
		return name + "::text"
	}
	return name
}

// from is t in a FROM clause, under the name as; empty: under its own.
func (t *table) from(as string) string {
	switch {
	case t.view != "":
		return "(" + t.view + ") " + cmp.Or(as, t.name)
	case as != "":
		return t.ident + " " + as
	}
	return t.ident
}

// has tells whether t has all of names.
func (t *table) missing(names ...string) string {
	for _, n := range names {
		if t.col(n) < 0 {
			return n
		}
	}
	return ""
}

// keyOf takes the primary key out of row.
func (t *table) keyOf(row []cell) []cell {
	k := make([]cell, len(t.key))
	for i, n := range t.key {
		k[i] = row[t.col(n)]
	}
	return k
}

// readable tells whether t is there and its rows may be read.
func (t *table) readable() bool { return t != nil && t.denied == "" }

// quote makes an SQL identifier.
func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// keyColumns are the primary keys of the runtime's tables, by the columns of either flavor.
func keyColumns(name string, js bool) []string {
	ns, field := "prefix", "field_name"
	if js {
		ns, field = "namespace_path", "field_path"
	}
	switch name {
	case "checkpoints":
		return []string{"thread_id", "checkpoint_ns", "checkpoint_id"}
	case "checkpoint_blobs":
		return []string{"thread_id", "checkpoint_ns", "channel", "version"}
	case "writes", "checkpoint_writes":
		return []string{"thread_id", "checkpoint_ns", "checkpoint_id", "task_id", "idx"}
	case "store":
		return []string{ns, "key"}
	case "store_vectors":
		return []string{ns, "key", field}
	case "checkpoint_migrations", "store_migrations", "vector_migrations":
		return []string{"v"}
	}
	return nil
}

// errSchema is a refusal of a store whose tables this driver does not know.
func errSchema(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSchema, fmt.Sprintf(format, args...))
}
