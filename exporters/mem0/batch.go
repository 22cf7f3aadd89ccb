package mem0

import (
	"context"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// WriteBatch writes rs in their order. Each is of a row of its own: a memory and its vector are of two kinds.
func (w *writer) WriteBatch(ctx context.Context, rs []agentstate.Record) ([]replay.Receipt, error) {
	out := make([]replay.Receipt, len(rs))
	err := w.together(ctx, len(rs), func(i int) error {
		rc, err := w.Write(ctx, rs[i])
		if err != nil {
			return replay.BrokeAt(i, err) // some before it may wait for their answers
		}
		out[i] = rc
		return nil
	})
	return out, err
}

// together runs fn for 0 to n-1, each begun behind the one before it. What they ask PostgreSQL of single rows shares trips to it.
func (w *writer) together(ctx context.Context, n int, fn func(i int) error) error {
	for i := range n {
		if w.pg != nil {
			return w.pg.turns.Run(ctx, n-i, func(k int) error { return fn(i + k) })
		}
		if err := fn(i); err != nil { // which may open it
			return err
		}
	}
	return nil
}

// atOnce runs fn, whose asks do not wait for others.
func (w *writer) atOnce(fn func() error) error {
	if w.pg == nil {
		return fn()
	}
	return w.pg.turns.AtOnce(fn)
}
