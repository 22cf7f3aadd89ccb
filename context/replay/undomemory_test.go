package replay_test

import (
	"context"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
)

// leaky is a target that loses something of each record, and keeps what an undo is given.
type leaky struct {
	*memstate.Runtime
	undone []replay.Receipt
}

func (l *leaky) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w, err := l.Runtime.Begin(ctx, run)
	return leakyWriter{w}, err
}

func (l *leaky) Undo(ctx context.Context, run *replay.Run, created []replay.Receipt) ([]replay.Receipt, error) {
	l.undone = created
	return l.Runtime.Undo(ctx, run, created)
}

type leakyWriter struct{ replay.Writer }

func (w leakyWriter) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	rc, err := w.Writer.Write(ctx, r)
	rc.Losses = []fidelity.Loss{{Path: "labels", Grade: fidelity.Dropped, Why: "no place for it"}}
	return rc, err
}

// TestUndoMemory: of each record an undo holds what it needs: losses, of which there may be several a record, are not among it.
func TestUndoMemory(t *testing.T) {
	path, dst := journal(t), &leaky{Runtime: memstate.NewRuntime(nil)}
	rep, err := run(t, dst, memstate.Sample(4), path, replay.Options{})
	if err != nil || len(rep.Losses) == 0 {
		t.Fatalf("%v, %d losses", err, len(rep.Losses))
	}
	un, err := undo(t, dst, path)
	if err != nil || un.Removed == 0 || un.LeftN > 0 || dst.Len() > 0 {
		t.Fatalf("%+v, %v", un, err)
	}
	for _, rc := range dst.undone {
		if len(rc.Losses) > 0 {
			t.Fatalf("%s comes with %d losses", rc.Key, len(rc.Losses))
		}
	}
}
