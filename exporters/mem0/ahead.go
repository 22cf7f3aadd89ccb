package mem0

import (
	"context"
	"sync"

	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// A scratch is room that one row after the other is read in.
type scratch struct {
	scan  scanner
	mach  machine
	print printer
	nums  []float64
}

// ahead makes something of each row of a query, which come one by one in the order of their table, and
// calls fn for it. Rows are read, and several are worked on, while fn works on those before. Work may
// keep what is in a row. Between pieces the connection is free.
func ahead[T any](ctx context.Context, d *db, q string, work func(s *scratch, row []any) T, fn func(T) error) error {
	rooms := sync.Pool{New: func() any { return &scratch{} }}
	queue := sqlitefile.Ahead(ctx, d.engine.(lite).DB, q, func(rows [][]any) []T {
		s := rooms.Get().(*scratch)
		defer rooms.Put(s)
		out := make([]T, len(rows))
		for i, v := range rows {
			out[i] = work(s, v)
		}
		return out
	})
	defer queue.Close()
	for {
		piece, ok, err := queue.Next()
		if !ok {
			return err
		}
		for _, x := range piece {
			if err := fn(x); err != nil {
				return err
			}
		}
	}
}
