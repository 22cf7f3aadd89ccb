package sqlitefile

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"sync/atomic"

	"github.com/exitramp/exitramp/exporters/internal/ahead"
)

// A piece is how much of a result is read at once: rows, and bytes of them.
const (
	pieceRows  = 64
	pieceBytes = 1 << 18
)

// Ahead reads the rows of a query piece by piece, past database/sql, which would copy each value once
// more, while work is done on the pieces before. What is in a row may be kept. Between pieces the
// connection is free.
func Ahead[T any](ctx context.Context, d *DB, q string, work func(rows [][]any) T) *ahead.Queue[T] {
	return ahead.Start(ctx, func(ctx context.Context, emit func([][]any) error) error { return d.pieces(ctx, q, emit) }, work)
}

// A beginning is a context that can end a statement until its first row is there, behind a sort of all
// rows; then it cannot. SQLite's driver would prepare anew at each row to wait for one that can.
type beginning struct {
	context.Context
	over atomic.Bool
}

func (b *beginning) Done() <-chan struct{} {
	if b.over.Load() {
		return nil
	}
	return b.Context.Done()
}

func (d *DB) pieces(ctx context.Context, q string, emit func([][]any) error) (err error) {
	var rows driver.Rows
	raw := func(fn func(c driver.QueryerContext) error) error {
		return d.Conn.Raw(func(c any) error { return fn(c.(driver.QueryerContext)) })
	}
	first := &beginning{Context: ctx}
	err = raw(func(c driver.QueryerContext) (err error) {
		rows, err = c.QueryContext(first, q, nil)
		first.over.Store(true)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, raw(func(driver.QueryerContext) error { return rows.Close() }))
	}()
	n := len(rows.Columns())
	row := make([]driver.Value, n)
	for {
		piece := make([][]any, 0, pieceRows)
		rerr := raw(func(driver.QueryerContext) error {
			values := make([]any, n*pieceRows)
			for size := 0; len(piece) < pieceRows && size < pieceBytes; {
				v := values[:n:n]
				values = values[n:]
				if err := rows.Next(row); err != nil {
					return err
				}
				for i, x := range row {
					v[i] = x
					switch x := x.(type) {
					case []byte:
						size += len(x)
					case string:
						size += len(x)
					}
				}
				piece = append(piece, v)
			}
			return nil
		})
		if len(piece) > 0 {
			if err := emit(piece); err != nil {
				return err
			}
		}
		if errors.Is(rerr, io.EOF) {
			return nil
		}
		if rerr != nil {
			return rerr
		}
	}
}
