package mem0

import (
	"context"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// A foreignTarget is where memories of other runtimes go.
type foreignTarget struct{ place string }

func (w *writer) foreignTarget(have presence) (*foreignTarget, error) { return &foreignTarget{}, nil }

func (w *writer) mapped(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	return replay.Receipt{Action: replay.Skipped, Why: "mem0 has no " + agentstate.KindOf(r)}, nil
}
