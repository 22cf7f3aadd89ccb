package drivertest

import (
	"context"
	"iter"

	"github.com/exitramp/exitramp/context/replay"
)

// Undo is what dst leaves of created.
func Undo(ctx context.Context, dst replay.Undoer, run *replay.Run, created []replay.Receipt) (left []replay.Receipt, err error) {
	err = dst.Undo(ctx, run, Receipts(created), func(rc replay.Receipt) { left = append(left, rc) })
	return left, err
}

// Receipts yields rcs.
func Receipts(rcs []replay.Receipt) iter.Seq2[replay.Receipt, error] {
	return func(yield func(replay.Receipt, error) bool) {
		for _, rc := range rcs {
			if !yield(rc, nil) {
				return
			}
		}
	}
}
