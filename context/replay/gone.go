package replay

import (
	"context"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/derive"
)

// gone is all that tombstones take out of a state, as derive would: what a view is a reading of says the same
// words, and so does every other reading of that. One record names another that is read later, so the state is
// read beforehand.
type gone struct {
	part *derive.Part
	err  error // of the temporary files: the first
}

// newGone is nil where there are no tombstones.
func newGone(ctx context.Context, src agentstate.Source, tombstones []string) (*gone, error) {
	if len(tombstones) == 0 {
		return nil, nil
	}
	part, err := derive.New(ctx, src, derive.Options{Tombstones: tombstones})
	if err != nil {
		return nil, err
	}
	return &gone{part: part}, nil
}

func (g *gone) has(key string) bool {
	if g == nil || g.err != nil {
		return false
	}
	out, err := g.part.Without(key)
	g.err = err
	return out
}

// failed is why nothing that has said of late counts.
func (g *gone) failed() error {
	if g == nil {
		return nil
	}
	return g.err
}

func (g *gone) close() error {
	if g == nil {
		return nil
	}
	return g.part.Close()
}
