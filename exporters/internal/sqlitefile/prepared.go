package sqlitefile

import (
	"context"
	"database/sql"
	"slices"
)

// mostPrepared is how many statements are kept.
const mostPrepared = 100

// Prepared is q, prepared once for the transaction, and the caller's until it calls done: whoever asks for it meanwhile gets one of
// its own. What is kept is closed with the transaction: one that is not would keep the file locked.
func (d *DB) Prepared(ctx context.Context, q string) (st *sql.Stmt, done func(), err error) {
	st = d.stmts[q]
	delete(d.stmts, q)
	if st == nil {
		if st, err = d.Conn.PrepareContext(ctx, q); err != nil {
			return nil, nil, err
		}
	}
	return st, func() {
		if d.Conn == nil || d.stmts[q] != nil || len(d.stmts) >= mostPrepared {
			st.Close()
			return
		}
		if d.stmts == nil {
			d.stmts = map[string]*sql.Stmt{}
		}
		d.stmts[q] = st
	}, nil
}

func (d *DB) closeStatements() {
	for _, st := range d.stmts {
		st.Close()
	}
	clear(d.stmts)
}

// Query is the function Query, with a prepared statement.
func (d *DB) Query(ctx context.Context, q string, args ...any) (out [][]any, err error) {
	err = d.Each(ctx, q, args, func(row []any) error {
		out = append(out, slices.Clone(row))
		return nil
	})
	return out, err
}

// Each is the function Each, with a prepared statement.
func (d *DB) Each(ctx context.Context, q string, args []any, fn func(row []any) error) error {
	st, done, err := d.Prepared(ctx, q)
	if err != nil {
		return err
	}
	defer done()
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	return each(rows, fn)
}
