package openaiagents

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// stored is the row under the key, which is the first column; nil: there is none.
func (d *pg) stored(ctx context.Context, ident string, cols []string, key any) ([]any, error) {
	var out []any
	names := printed(cols)
	find := func(names string) error {
		return d.ask(ctx, "SELECT "+names+" FROM "+ident+" WHERE "+quote(cols[0])+" = "+pgMark(cols[0], 1), []any{key}, func(rows pgx.Rows) (err error) {
			for rows.Next() {
				if out, err = rows.Values(); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	}
	err := find(short(names))
	if i := slices.Index(cols, "message_data"); err == nil && out != nil && i >= 0 && out[i] == nil {
		err = d.atOnce(func() error { return find(names) })
	}
	return out, err
}

// short are printed columns without items that are long: hundreds of answers may be kept at once.
func short(printed string) string {
	item := quote("message_data")
	return strings.Replace(printed, item+"::text", fmt.Sprintf("CASE WHEN octet_length(%[1]s) <= %[2]d THEN %[1]s::text END", item, inPage), 1)
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
		n, passed := int64(0), false
		why, err := w.apart(ctx, t, keyBytes(r.cols, r.vals), len(r.added) > 0, func() (err error) {
			return w.ask(ctx, "INSERT INTO "+t.ident+" ("+quoted(cols)+") OVERRIDING SYSTEM VALUE VALUES ("+strings.Join(marks, ", ")+") ON CONFLICT DO NOTHING", vals, func(rows pgx.Rows) error {
				rows.Close()
				n = rows.CommandTag().RowsAffected()
				if passed = rows.Err() == nil && n == 0 && w.triggers(t); passed { // what it may have written elsewhere is taken back
					return w.server.PassedOver()
				}
				return rows.Err()
			})
		})
		switch {
		case err != nil:
			return replay.Receipt{}, err
		case why != nil && !passed:
			return notTakenIn(t, why)
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
		return refused("a constraint, a trigger or a RULE of table %s keeps the row out", t.ident)
	case sqlitefile.Digest(have...) == sqlitefile.Digest(vals...):
		if !w.run.Doubts(r.key) {
			rc.Action = replay.Same
		}
		return rc, nil
	}
	return sqlitefile.Conflict(t.ident, cols, have, vals), nil
}

// keyBytes is how long the session id among values is, which stands in the indexes.
func keyBytes(cols []string, vals []any) int {
	id, _ := vals[slices.Index(cols, "session_id")].(string)
	return len(id)
}

// notTakenIn is the receipt of a row that a rule or a limit keeps out of a table.
func notTakenIn(t pgTable, why error) (replay.Receipt, error) {
	return refused("table %s does not take the row: %v", t.name, why)
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
