package langgraph

import (
	"context"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// WriteBatch writes rs in their order. None of them waits for what the database says to another: what a row belongs to is of
// another kind.
func (w *writer) WriteBatch(ctx context.Context, rs []agentstate.Record) ([]replay.Receipt, error) {
	out := make([]replay.Receipt, len(rs))
	write := func(i int) error {
		rc, err := w.Write(ctx, rs[i])
		if err != nil {
			return replay.BrokeAt(i, err) // some before it may wait for their answers
		}
		out[i] = rc
		return nil
	}
	if w.d != nil && !w.guard { // rules are tried before each thread
		return out, w.d.together(ctx, len(rs), write)
	}
	for i := range rs {
		if err := write(i); err != nil {
			return out, err
		}
	}
	return out, nil
}
