package codex

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"

	_ "modernc.org/sqlite" // the driver of the models

	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// A schema is what a database is made of.
type schema struct {
	name       string
	statements []string
	objects    map[string]string // type and name → statement; SQLite's own left out
	migrations []migration
	tables     []table
}

// A migration is one row of sqlx's bookkeeping, as far as sqlx compares it.
type migration struct {
	version     int64
	description string
	success     int64
	checksum    string
}

// A table is one whose rows are carried.
type table struct {
	name string
	cols []string
	key  []string
}

func (t *table) column(name string) int { return slices.Index(t.cols, name) }

const bookkeeping = "_sqlx_migrations"

// newSchema is what a database is after statements.
func newSchema(ctx context.Context, name string, statements []string) (*schema, error) {
	s := &schema{name: name, statements: statements}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := s.create(ctx, c); err != nil {
		return nil, fmt.Errorf("schema %s: %w", name, err)
	}
	if s.objects, s.migrations, err = inspect(ctx, c); err != nil {
		return nil, err
	}
	s.tables, err = tables(ctx, c)
	return s, err
}

// match is the schema that a database has by the migrations that it went through: the first of those
// that are known, any number of them.
func (st *stages) match(ctx context.Context, c *sql.Conn, rel string) (*schema, error) {
	all, err := stepsOf(rel)
	if err != nil {
		return nil, err
	}
	objects, ms, err := inspect(ctx, c)
	if err != nil {
		return nil, err
	}
	var known []migration
	for _, s := range all {
		known = append(known, s.migration)
	}
	if n := len(ms); n == 0 || n > len(known) || !slices.Equal(ms, known[:n]) {
		return nil, fmt.Errorf("%w: %s: found %s; supported: the first of %s (%s)", ErrSchema, rel, said(ms, len(objects)), said(known, 0), supported)
	}
	s, err := st.at(ctx, rel, len(ms))
	if err != nil {
		return nil, err
	}
	return s, s.check(ctx, c, rel)
}

// create makes the tables and says which migrations they went through.
func (s *schema) create(ctx context.Context, c *sql.Conn) error {
	for _, q := range s.statements {
		if _, err := c.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// tables are the tables whose rows are carried. What enrols a machine at a service is none.
func tables(ctx context.Context, c *sql.Conn) ([]table, error) {
	rows, err := sqlitefile.Query(ctx, c, `SELECT +m.name, +x.name, +x.pk FROM sqlite_master m JOIN pragma_table_info(m.name) x WHERE m.type = 'table' ORDER BY m.rowid, x.cid`)
	if err != nil {
		return nil, err
	}
	var out []table
	for _, r := range rows {
		name, col := r[0].(string), r[1].(string)
		if name == bookkeeping || name == enrolments {
			continue
		}
		if len(out) == 0 || out[len(out)-1].name != name {
			out = append(out, table{name: name})
		}
		t := &out[len(out)-1]
		t.cols = append(t.cols, col)
		if r[2].(int64) > 0 || name == counters && col == "name" {
			t.key = append(t.key, col)
		}
	}
	return out, nil
}

func (s *schema) table(name string) *table {
	for i := range s.tables {
		if s.tables[i].name == name {
			return &s.tables[i]
		}
	}
	return nil
}

// inspect reads what a database is made of.
func inspect(ctx context.Context, c *sql.Conn) (objects map[string]string, ms []migration, err error) {
	rows, err := sqlitefile.Query(ctx, c, `SELECT +type, +name, +sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\'`)
	if err != nil {
		return nil, nil, err
	}
	objects = map[string]string{}
	for _, r := range rows {
		objects[fmt.Sprint(r[0], " ", r[1])] = fmt.Sprint(r[2])
	}
	if objects["table "+bookkeeping] == "" {
		return objects, nil, nil
	}
	rows, err = sqlitefile.Query(ctx, c, "SELECT CAST(version AS INTEGER), CAST(description AS TEXT), CAST(success AS INTEGER), CAST(checksum AS BLOB) FROM "+bookkeeping+" ORDER BY version LIMIT 10000")
	for _, r := range rows {
		m := migration{}
		m.version, _ = r[0].(int64)
		m.description, _ = r[1].(string)
		m.success, _ = r[2].(int64)
		b, _ := r[3].([]byte)
		m.checksum = hex.EncodeToString(b)
		ms = append(ms, m)
	}
	return objects, ms, err
}

// check compares a database with the schema. Another one is never guessed at.
func (s *schema) check(ctx context.Context, c *sql.Conn, rel string) error {
	objects, ms, err := inspect(ctx, c)
	if err != nil {
		return err
	}
	if !slices.Equal(ms, s.migrations) {
		return fmt.Errorf("%w: %s: found %s; supported: the first of %s (%s)", ErrSchema, rel, said(ms, len(objects)), said(s.migrations, 0), supported)
	}
	for _, o := range sortedKeys(s.objects) {
		if objects[o] != s.objects[o] {
			return fmt.Errorf("%w: %s: its migrations are those of %s, but found another %s than supported", ErrSchema, rel, supported, o)
		}
	}
	for _, o := range sortedKeys(objects) {
		if _, ok := s.objects[o]; !ok {
			return fmt.Errorf("%w: %s: its migrations are those of %s, but found a %.80q that is not supported", ErrSchema, rel, supported, o)
		}
	}
	return nil
}

// said names a state of migrations.
func said(ms []migration, objects int) string {
	if len(ms) == 0 && objects == 0 {
		return "no tables at all"
	}
	if len(ms) == 0 {
		return "tables without migrations"
	}
	m := ms[len(ms)-1]
	for _, x := range ms {
		if x.success != 1 {
			return fmt.Sprintf("migration %d broken off", x.version)
		}
	}
	return fmt.Sprintf("%d migrations up to %d, %.60q, checksum %.8s", len(ms), m.version, m.description, m.checksum)
}
