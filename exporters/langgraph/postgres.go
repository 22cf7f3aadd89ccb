package langgraph

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/pgsnapshot"
)

// page is the number of rows that one statement fetches: between pages the connection is free
// for the consumer's blobs, and memory stays bounded.
const page = 64

// postgresDB reads one PostgreSQL schema in one REPEATABLE READ, READ ONLY transaction.
type postgresDB struct {
	conn *pgx.Conn
	cfg  *pgsnapshot.Server
	path []string // schemas, in the order in which tables are looked up
	f    facts

	shared *pgsnapshot.Turns // trips, of threads that are read together

	id   string            // of this connection, for names of prepared statements
	used map[string]string // statement → its name; empty: run once so far
	n    int               // names given
}

func openPostgres(ctx context.Context, s *pgsnapshot.Server) (_ *postgresDB, err error) {
	conn, err := s.Open(ctx)
	if err != nil {
		return nil, own(err)
	}
	d := &postgresDB{conn: conn, cfg: s, shared: &pgsnapshot.Turns{Conn: conn}}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.path, err = s.Schemas(ctx, conn); err != nil {
		return nil, own(err)
	}
	who, err := d.query(ctx, "SELECT current_user::text, session_user::text, current_database()::text, current_setting('server_encoding')")
	if err != nil {
		return nil, err
	}
	d.f = facts{
		engine: "postgres", location: s.String() + " schema " + strings.Join(d.path, ","),
		observer: who[0][0].String() + "@" + who[0][2].String(), basis: "current_user",
		account: s.String(), access: "row_security off accepted",
	}
	for _, l := range pgsnapshot.EncodingLabels(who[0][3].String()) {
		d.f.labels = append(d.f.labels, [2]string{l.Name, l.Value})
	}
	return d, nil
}

// queryFunc reads a small result; ? stands for a parameter.
type queryFunc = func(ctx context.Context, q string, args ...any) ([][]cell, error)

func (d *postgresDB) facts() facts { return d.f }

func (d *postgresDB) check() error { return nil }

func (d *postgresDB) close() error {
	ctx := context.Background()
	for _, name := range d.used { // a pooler keeps the server's side of the connection
		if name != "" {
			d.conn.Deallocate(ctx, name)
		}
	}
	d.conn.Exec(ctx, "ROLLBACK")
	return d.conn.Close(ctx)
}

func (d *postgresDB) exec(ctx context.Context, q string) error {
	_, err := d.conn.Exec(ctx, q, pgx.QueryExecModeSimpleProtocol)
	return own(d.cfg.Wrap(err))
}

func (d *postgresDB) query(ctx context.Context, q string, args ...any) ([][]cell, error) {
	name, err := d.statement(ctx, q)
	if err != nil {
		return nil, err
	}
	var out [][]cell
	err = d.shared.Ask(ctx, name, args, func(rows pgx.Rows) error {
		out = nil
		return pgCells(rows, func(row []cell) { out = append(out, row) })
	})
	return out, own(d.cfg.Wrap(err))
}

// statement is q as it is sent: what runs a second time is prepared. The names are this connection's own, since poolers hand
// one connection of the server to many clients.
func (d *postgresDB) statement(ctx context.Context, q string) (string, error) {
	name, again := d.used[q]
	switch {
	case !again:
		if d.used == nil {
			d.used = map[string]string{}
		}
		if len(d.used) < 200 {
			d.used[q] = ""
		}
	case name == "":
		if d.id == "" {
			d.id = "exitramp_" + strings.ToLower(rand.Text())
		}
		d.n++
		name = fmt.Sprintf("%s_%d", d.id, d.n)
		if _, err := d.conn.Prepare(ctx, name, pgsnapshot.Rebind(q)); err != nil {
			return "", own(d.cfg.Wrap(err))
		}
		d.used[q] = name
	}
	if name == "" {
		name = pgsnapshot.Rebind(q)
	}
	return name, nil
}

// pgRows runs a statement, or one that was prepared under a name.
func pgRows(ctx context.Context, c *pgx.Conn, q string, args ...any) ([][]cell, error) {
	rows, err := c.Query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out [][]cell
	err = pgCells(rows, func(row []cell) { out = append(out, row) })
	return out, err
}

func pgCells(rows pgx.Rows, each func([]cell)) (err error) {
	for rows.Next() {
		v := rows.RawValues()
		row := make([]cell, len(v))
		fds := rows.FieldDescriptions()
		for i := range v {
			if row[i], err = pgCell(fds[i], v[i]); err != nil {
				return err
			}
		}
		each(row)
	}
	return rows.Err()
}

func (d *postgresDB) scan(ctx context.Context, t *table, prefix, after []cell, fn func([]cell) (bool, error)) error {
	for {
		rows, err := d.page(ctx, t, prefix, after)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if stop, err := fn(row); stop || err != nil {
				return err
			}
		}
		if len(rows) < page {
			return nil
		}
		after = t.keyOf(rows[len(rows)-1])[len(prefix):]
	}
}

func (d *postgresDB) page(ctx context.Context, t *table, prefix, after []cell) ([][]cell, error) {
	var inner, outer, where, order, marks []string
	var args []any
	for i, c := range t.cols {
		x := fmt.Sprintf("x%d", i)
		inner = append(inner, pgExpr(c)+" AS "+x)
		switch c.typ {
		case "int2", "int4", "int8":
			outer = append(outer, x, "NULL")
			continue
		}
		n := "octet_length(" + x + ")"
		size := n
		if c.typ != "bytea" {
			size = "octet_length(convert_to(" + x + ", 'UTF8'))"
		}
		if slices.Contains(t.key, c.name) {
			outer = append(outer, x, "NULL")
		} else {
			outer = append(outer, fmt.Sprintf("CASE WHEN %s > %d THEN NULL ELSE %s END", n, agentstate.SpillSize, x),
				fmt.Sprintf("CASE WHEN %s > %d THEN %s END", n, agentstate.SpillSize, size))
		}
	}
	for i, n := range t.key {
		order = append(order, quote(n))
		if i < len(prefix) {
			where = append(where, quote(n)+" = ?")
			args = append(args, prefix[i].arg())
		}
	}
	if len(after) > 0 {
		for _, a := range after {
			marks = append(marks, "?")
			args = append(args, a.arg())
		}
		where = append(where, fmt.Sprintf("(%s) > (%s)", strings.Join(order[len(prefix):], ", "), strings.Join(marks, ", ")))
	}
	q := "SELECT " + strings.Join(inner, ", ") + " FROM " + t.from("")
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	// The LIMIT also keeps the planner from computing a text form twice.
	q += fmt.Sprintf(" ORDER BY %s LIMIT %d", strings.Join(order, ", "), page)
	got, err := d.query(ctx, "SELECT "+strings.Join(outer, ", ")+" FROM ("+q+") s", args...)
	if err != nil {
		return nil, err
	}
	rows := make([][]cell, len(got))
	for i, g := range got {
		rows[i] = make([]cell, len(t.cols))
		for j, c := range t.cols {
			rows[i][j] = g[2*j]
			if n := g[2*j+1]; !n.isNull() {
				rows[i][j] = cell{kind: text, big: true, size: n.i}
				if c.typ == "bytea" {
					rows[i][j].kind = blob
				}
			}
		}
	}
	return rows, nil
}

// pgExpr is the expression that gives a column in its form for records: integers and bytes as
// they are, everything else as the text that the server prints.
func pgExpr(c column) string {
	switch c.typ {
	case "bytea":
		return quote(c.name)
	case "int2", "int4", "int8":
		return quote(c.name) + "::int8"
	}
	return quote(c.name) + "::text"
}

func (d *postgresDB) value(ctx context.Context, t *table, pk []cell, col string, off, n int64) ([]byte, error) {
	expr := quote(col)
	if c := t.cols[t.col(col)]; c.typ != "bytea" {
		expr = "convert_to((" + expr + ")::text, 'UTF8')"
	}
	if n >= 0 {
		expr = fmt.Sprintf("substring(%s from %d for %d)", expr, off+1, n)
	} else if off > 0 {
		expr = fmt.Sprintf("substring(%s from %d)", expr, off+1)
	}
	return valueOf(ctx, d, t, pk, expr)
}

// fingerprint is made of the place and the writing transaction of every row: any insert, update
// or delete changes it, and other databases of the server do not.
func (d *postgresDB) fingerprint(ctx context.Context, ts map[string]*table) (string, error) {
	out := d.f.location
	for _, name := range pgNames() {
		t := ts[name]
		if !t.readable() {
			continue
		}
		rows, err := d.query(ctx, "SELECT count(*)::text || ':' || coalesce(sum(hashtextextended(tableoid::text || ctid::text || xmin::text, 0)::numeric), 0)::text FROM "+t.ident)
		if err != nil {
			return "", err
		}
		out += " " + name + "=" + rows[0][0].String()
	}
	return out, nil
}
