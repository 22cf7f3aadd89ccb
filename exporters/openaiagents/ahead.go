package openaiagents

import (
	"context"

	"github.com/exitramp/exitramp/exporters/internal/ahead"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
)

// A feed gives what the rows of a statement become one by one.
type feed[T any] struct {
	queue *ahead.Queue[[]T] // nil: there are none
	piece []T               // under way
}

// feedOf makes something of each row while those before it are used.
func feedOf[T any](ctx context.Context, d *db, q string, work func(row []any) T) *feed[T] {
	return &feed[T]{queue: sqlitefile.Ahead(ctx, d.DB, q, func(rows [][]any) []T {
		out := make([]T, len(rows))
		for i, v := range rows {
			out[i] = work(v)
		}
		return out
	})}
}

// peek is the next one; nil: there is none.
func (f *feed[T]) peek() (*T, error) {
	if f.queue == nil {
		return nil, nil
	}
	if len(f.piece) == 0 {
		piece, ok, err := f.queue.Next()
		if !ok {
			return nil, err
		}
		f.piece = piece
	}
	return &f.piece[0], nil
}

// next goes on behind the one of peek.
func (f *feed[T]) next() { f.piece = f.piece[1:] }
