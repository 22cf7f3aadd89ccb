package openaiagents

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// stored is the row under the key, which is the first column; nil: there is none.
func (d *pg) stored(ctx context.Context, ident string, cols []string, key any) ([]any, error) {
	rows, err := d.Query(ctx, "SELECT "+printed(cols)+" FROM "+ident+" WHERE "+quote(cols[0])+" = "+pgMark(cols[0], 1), key)
	if err != nil {
		return nil, d.server.Wrap(err)
	}
	defer rows.Close()
	var out []any
	for rows.Next() {
		if out, err = rows.Values(); err != nil {
			return nil, d.server.Wrap(err)
		}
	}
	return out, d.server.Wrap(rows.Err())
}

// insert puts a row, unless one with its key is there. made is false in a plan for a table that is
// not there.
func (w *pgWriter) insert(ctx context.Context, made bool, t pgTable, r newRow) (replay.Receipt, error) {
	rc := r.made()
	if !made {
		return rc, nil
	}
	cols, vals := r.whole()
	var marks []string
	for i, c := range r.cols {
		marks = append(marks, pgMark(c, i+1))
	}
	for _, a := range r.added {
		marks = append(marks, fmt.Sprintf("$%d::text::%s", len(marks)+1, t.typeOf(a.name)))
	}
	if !w.run.DryRun {
		n, why, err := w.try(ctx, len(r.added) > 0, "INSERT INTO "+t.ident+" ("+quoted(cols)+") OVERRIDING SYSTEM VALUE VALUES ("+strings.Join(marks, ", ")+") ON CONFLICT DO NOTHING", vals)
		switch {
		case err != nil:
			return replay.Receipt{}, err
		case why != "":
			return refused("table %s does not take the row: %s", t.name, why)
		case n > 0:
			return rc, nil
		}
	}
	have, err := w.stored(ctx, t.ident, cols, vals[0])
	switch {
	case err != nil:
		return replay.Receipt{}, err
	case have == nil && w.run.DryRun:
		return rc, nil
	case have == nil:
		return refused("a constraint of table %s forbids the row", t.ident)
	case sqlitefile.Digest(have...) == sqlitefile.Digest(vals...):
		if !w.run.Doubts(r.key) {
			rc.Action = replay.Same
		}
		return rc, nil
	}
	return sqlitefile.Conflict(t.ident, cols, have, vals), nil
}

// try runs a statement and gives the number of rows. A value that the server refuses ends the
// transaction: with guard it ends only the statement, and why is the server's class of error.
func (w *pgWriter) try(ctx context.Context, guard bool, q string, args []any) (n int64, why string, err error) {
	if guard {
		if err := w.exec(ctx, "SAVEPOINT exitramp"); err != nil {
			return 0, "", err
		}
	}
	tag, err := w.Conn.Exec(ctx, q, args...)
	var refusal *pgconn.PgError
	switch {
	case err == nil && guard:
		err = w.exec(ctx, "RELEASE SAVEPOINT exitramp")
	case err == nil:
	case guard && errors.As(err, &refusal) && (strings.HasPrefix(refusal.Code, "22") || strings.HasPrefix(refusal.Code, "23")):
		return 0, "SQLSTATE " + refusal.Code, w.exec(ctx, "ROLLBACK TO SAVEPOINT exitramp") // its text may quote the value
	default:
		err = w.server.Wrap(err)
	}
	return tag.RowsAffected(), "", err
}

// typeOf is the type of a column that an application added.
func (t pgTable) typeOf(column string) string {
	for _, a := range t.added {
		if a[0] == column {
			return a[1]
		}
	}
	return "text"
}
