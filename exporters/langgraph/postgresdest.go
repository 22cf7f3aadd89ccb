package langgraph

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
)

// postgresDest writes one PostgreSQL schema in one transaction.
type postgresDest struct {
	postgresDB
	dry   bool
	turns pgsnapshot.Turns
}

// each asks in the trip of all whose turn it is.
func (d *postgresDest) each(ctx context.Context, q string, args []any, row func([]cell)) error {
	name, err := d.statement(ctx, q)
	if err != nil {
		return err
	}
	return own(d.cfg.Wrap(d.turns.Ask(ctx, name, args, func(rows pgx.Rows) error { return pgCells(rows, row) })))
}

// ask is each, for an answer of few rows.
func (d *postgresDest) ask(ctx context.Context, q string, args ...any) (out [][]cell, err error) {
	err = d.each(ctx, q, args, func(row []cell) { out = append(out, row) })
	return out, err
}

// together runs fn for 0 to n-1.
func (d *postgresDest) together(ctx context.Context, n int, fn func(i int) error) error {
	return d.turns.Run(ctx, n, fn)
}

func openPostgresDest(ctx context.Context, s *pgsnapshot.Server, dry bool) (_ *postgresDest, err error) {
	begin := "BEGIN ISOLATION LEVEL READ COMMITTED"
	if dry {
		begin = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
	}
	conn, err := s.Begin(ctx, begin)
	if err != nil {
		return nil, own(err)
	}
	d := &postgresDest{postgresDB: postgresDB{conn: conn, cfg: s, shared: &pgsnapshot.Turns{Conn: conn}}, dry: dry, turns: pgsnapshot.Turns{Conn: conn, Server: s}}
	d.f = facts{engine: "postgres", location: s.String()}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if err = s.TakesRows(ctx, conn); err != nil {
		return nil, own(err)
	}
	if d.path, err = s.Schemas(ctx, conn); err != nil {
		return nil, own(err)
	}
	if len(s.Schema) == 0 { // the path of role, database or ?options=
		rows, err := d.query(ctx, "SELECT (current_schema() IS NULL)::int4, current_setting('search_path')")
		if err != nil {
			return nil, err
		}
		if rows[0][0].i != 0 {
			return nil, fmt.Errorf("langgraph: no schema of the connection's search_path (%s) exists, or none that it may use: make it, or name one with ?search_path=, which is made", rows[0][1])
		}
	}
	if dry {
		why, there, err := d.lacks(ctx, d.path[0])
		if err == nil && why != "" && !there { // the run makes it first of all
			err = fmt.Errorf("langgraph: %w: %s", ErrForbidden, why)
		}
		return d, err
	}
	if len(s.Schema) > 0 { // as the JavaScript library does; Python expects it to be there
		rows, err := d.query(ctx, "SELECT count(*) FROM pg_namespace WHERE nspname = ?", d.path[0])
		if err != nil {
			return nil, err
		}
		if rows[0][0].i == 0 {
			if err := d.exec(ctx, "CREATE SCHEMA "+quote(d.path[0])); err != nil {
				return nil, err
			}
		}
	}
	var path []string
	for _, p := range d.path {
		path = append(path, quote(p))
	}
	if len(s.Schema) > 0 {
		path = append(path, `"public"`) // where extensions usually are
	}
	return d, d.exec(ctx, "SET LOCAL search_path = "+strings.Join(path, ", "))
}

// lacks is why no tables can be made in schema; empty: they can. there is false where it would be made too.
func (d *postgresDest) lacks(ctx context.Context, schema string) (why string, there bool, err error) {
	rows, err := d.query(ctx, `SELECT has_database_privilege(current_database(), 'CREATE')::int4,
		(SELECT (has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE'))::int4 FROM pg_namespace WHERE nspname = ?)`, schema)
	if err != nil {
		return "", false, err
	}
	there = !rows[0][1].isNull()
	switch {
	case there && rows[0][1].i == 0:
		why = "CREATE on schema " + schema + " is missing"
	case !there && rows[0][0].i == 0:
		why = "no schema " + schema + ", and CREATE on the database is missing"
	}
	return why, there, nil
}

// home is the schema to make tables in: the one that they come from, where the search path has it and it
// takes them, else the first.
func (d *postgresDest) home(ctx context.Context, from string) (string, error) {
	if slices.Contains(d.path, from) {
		if why, _, err := d.lacks(ctx, from); err != nil || why == "" {
			return from, err
		}
	}
	why, _, err := d.lacks(ctx, d.path[0])
	if err == nil && why != "" {
		err = fmt.Errorf("langgraph: %w: %s", ErrForbidden, why)
	}
	return d.path[0], err
}

func (d *postgresDest) tables(ctx context.Context) (map[string]*table, error) {
	ts, err := pgTables(ctx, d.query, d.path)
	if err != nil {
		return nil, err
	}
	for _, t := range ts {
		rows, err := d.query(ctx, "SELECT has_table_privilege((?::text)::regclass, 'INSERT')::int4", t.ident)
		if err != nil {
			return nil, err
		}
		if rows[0][0].i == 0 && t.denied == "" {
			t.denied = "INSERT on " + t.ident
		}
	}
	return ts, nil
}

// param is the placeholder for a column, cast from what is sent to its type.
func param(c column) string {
	switch c.typ {
	case "bytea", "text":
		return "?::" + c.typ
	case "int2", "int4", "int8":
		return "?::int8"
	}
	return "(?::text)::" + c.full
}

func (d *postgresDest) insert(ctx context.Context, t *table, row map[string]cell) (bool, string, error) {
	var cols, marks []string
	var args []any
	for _, c := range t.cols {
		if v, ok := row[c.name]; ok {
			cols, marks, args = append(cols, quote(c.name)), append(marks, param(c)), append(args, v.arg())
		}
	}
	rows, err := d.ask(ctx, "INSERT INTO "+t.ident+" AS t ("+strings.Join(cols, ", ")+") VALUES ("+strings.Join(marks, ", ")+
		") ON CONFLICT DO NOTHING RETURNING md5(t::text)", args...)
	if err != nil || len(rows) == 0 {
		return false, "", err
	}
	return true, rows[0][0].String(), nil
}

func (d *postgresDest) where(t *table, pk []cell) (string, []any) {
	var out []string
	var args []any
	for i, k := range t.key {
		out, args = append(out, "t."+quote(k)+" = "+param(t.cols[t.col(k)])), append(args, pk[i].arg())
	}
	return strings.Join(out, " AND "), args
}

// differs lets the server compare: what it would store against what it has, as it prints both.
func (d *postgresDest) differs(ctx context.Context, t *table, row map[string]cell) (bool, []string, error) {
	var cmp, names []string
	var args []any
	for _, c := range t.cols {
		v, ok := row[c.name]
		if !ok {
			continue
		}
		have, want := "t."+quote(c.name), param(c)
		switch c.typ {
		case "bytea", "text", "int2", "int4", "int8":
		default:
			have, want = have+"::text", "("+want+")::text"
		}
		cmp, names, args = append(cmp, "("+have+" IS NOT DISTINCT FROM "+want+")::int4"), append(names, c.name), append(args, v.arg())
	}
	var pk []cell
	for _, k := range t.key {
		pk = append(pk, row[k])
	}
	where, more := d.where(t, pk)
	rows, err := d.ask(ctx, "SELECT "+strings.Join(cmp, ", ")+" FROM "+t.ident+" t WHERE "+where, append(args, more...)...)
	if err != nil || len(rows) == 0 {
		return false, nil, err
	}
	var cols []string
	for i, c := range rows[0] {
		if c.i == 0 {
			cols = append(cols, names[i])
		}
	}
	return true, cols, nil
}

func (d *postgresDest) digest(ctx context.Context, t *table, row map[string]cell) (string, error) {
	var pk []cell
	for _, k := range t.key {
		pk = append(pk, row[k])
	}
	where, args := d.where(t, pk)
	rows, err := d.ask(ctx, "SELECT md5(t::text) FROM "+t.ident+" t WHERE "+where, args...)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return rows[0][0].String(), nil
}

// version prints the row as the table would: columns that row leaves out count as NULL.
func (d *postgresDest) version(ctx context.Context, t *table, row map[string]cell) (string, error) {
	var vals []string
	var args []any
	for _, c := range t.cols {
		vals, args = append(vals, "("+param(c)+")::"+c.full), append(args, row[c.name].arg())
	}
	rows, err := d.ask(ctx, "SELECT md5(ROW("+strings.Join(vals, ", ")+")::text)", args...)
	if err != nil {
		return "", err
	}
	return rows[0][0].String(), nil
}

func (d *postgresDest) remove(ctx context.Context, t *table, pk []cell, digest string) (bool, error) {
	where, args := d.where(t, pk)
	alike := written(t)
	where += " AND (" + strings.Join(alike, " OR ") + ")"
	where, args = t.ident+" t WHERE "+where, append(args, slices.Repeat([]any{digest}, len(alike))...)
	rows, err := d.ask(ctx, "DELETE FROM "+where+" RETURNING 1", args...)
	if err != nil || len(rows) > 0 {
		return err == nil, err
	}
	if rows, err = d.ask(ctx, "SELECT 1 FROM "+where, args...); err == nil && len(rows) > 0 {
		err = own(d.cfg.PassedOver())
	}
	return false, err
}

// newColumns is how many columns later releases of the library may have added since a run.
const newColumns = 3

// written are the conditions of which one holds of a row that is as a run wrote it. A later release of the library adds columns
// when it sets the tables up, at the end; they hold nothing of the row.
func written(t *table) []string {
	all, empty, names := []string{"md5(t::text) = ?"}, "", make([]string, len(t.cols))
	for i, c := range t.cols {
		names[i] = "t." + quote(c.name)
	}
	for n := len(names) - 1; n > len(t.key) && n >= len(names)-newColumns; n-- {
		empty += " AND coalesce(" + names[n] + "::text, '') = ''"
		all = append(all, "md5(ROW("+strings.Join(names[:n], ", ")+")::text) = ?"+empty)
	}
	return all
}

func (d *postgresDest) commit(ctx context.Context) error {
	_, err := d.conn.Exec(ctx, "COMMIT", pgx.QueryExecModeSimpleProtocol)
	return own(d.cfg.Wrap(err))
}
