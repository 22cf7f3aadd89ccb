package openaiagents

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// insert puts a row, unless one with its key is there. all are the columns of an application that the
// row had, and had their names in the source's table.
func (w *pgWriter) insert(ctx context.Context, made bool, t pgTable, key string, cols []string, vals []any, all []addition, had []string) (replay.Receipt, error) {
	added, losses := carry(all, t.name, t.has(), had)
	rc := replay.Receipt{Key: key, Action: replay.Created, Target: key, Version: mark(vals, added), Losses: losses}
	if !made {
		return rc, nil
	}
	marks := make([]string, len(cols), len(cols)+len(added))
	for i, c := range cols {
		marks[i] = pgMark(c, i+1)
	}
	cols, vals = slices.Clip(cols), slices.Clip(vals)
	for _, a := range added {
		cols, vals = append(cols, a.name), append(vals, a.value)
		marks = append(marks, fmt.Sprintf("$%d::text::%s", len(vals), t.typeOf(a.name)))
	}
	if !w.run.DryRun {
		n, why, err := w.try(ctx, len(added) > 0, "INSERT INTO "+t.ident+" ("+quoted(cols)+") OVERRIDING SYSTEM VALUE VALUES ("+strings.Join(marks, ", ")+") ON CONFLICT DO NOTHING", vals)
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
		if w.run.InDoubt == nil || !w.run.InDoubt(key) {
			rc.Action = replay.Same
		}
		return rc, nil
	}
	var differ []string
	for i, c := range cols {
		if sqlitefile.Digest(have[i:i+1]...) != sqlitefile.Digest(vals[i:i+1]...) {
			differ = append(differ, c)
		}
	}
	return replay.Receipt{Action: replay.Conflict, Why: fmt.Sprintf("table %s holds another row under this key: want and got differ in %s", t.ident, strings.Join(differ, ", "))}, nil
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
