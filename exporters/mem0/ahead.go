package mem0

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
)

// A batch is how much of a result lies ready before it is used: rows, and bytes of them.
const (
	batchRows  = 64
	batchBytes = 1 << 20
)

// ahead calls fn for the rows of a query that come one by one, in the order of their table. The next
// rows are read while fn works on these, past database/sql, which would copy each value once more. fn
// may keep what is in a row. Between batches the connection is free.
func (d *db) ahead(ctx context.Context, q string, fn func([]any) error) error {
	ctx, stop := context.WithCancel(ctx)
	batches, done := make(chan [][]any, 1), make(chan error, 1)
	go func() {
		done <- d.engine.(lite).fetch(ctx, q, batches)
		close(batches)
	}()
	var err error
	for rows := range batches {
		for _, v := range rows {
			if err == nil {
				if err = fn(v); err != nil {
					stop()
				}
			}
		}
	}
	stop()
	if ferr := <-done; err == nil {
		err = ferr
	}
	return err
}

// fetch sends the rows of a query in batches.
func (l lite) fetch(ctx context.Context, q string, to chan<- [][]any) (err error) {
	var rows driver.Rows
	raw := func(fn func(c driver.QueryerContext) error) error {
		return l.Conn.Raw(func(c any) error { return fn(c.(driver.QueryerContext)) })
	}
	// With a context that can end SQLite's driver would wait for it anew at each row.
	err = raw(func(c driver.QueryerContext) (err error) {
		rows, err = c.QueryContext(context.WithoutCancel(ctx), q, nil)
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
		batch := make([][]any, 0, batchRows)
		rerr := raw(func(driver.QueryerContext) error {
			values := make([]any, n*batchRows)
			for size := 0; len(batch) < batchRows && size < batchBytes; {
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
				batch = append(batch, v)
			}
			return nil
		})
		if len(batch) > 0 {
			select {
			case to <- batch:
			case <-ctx.Done():
				return ctx.Err()
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
