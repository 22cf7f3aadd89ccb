package replay

import (
	"context"
	"iter"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
)

// only is a source of some kinds: the rest is not for this target.
type only struct {
	agentstate.Source
	kinds []string
}

// Unwrap is the source itself.
func (s *only) Unwrap() agentstate.Source { return s.Source }

// Records are those of its kinds that are asked for.
func (s *only) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	o := agentstate.ReadOptions{}
	if opts != nil {
		o = *opts
	}
	if o.Kinds == nil {
		o.Kinds = s.kinds
	} else {
		o.Kinds = slices.DeleteFunc(slices.Clone(o.Kinds), func(k string) bool { return !slices.Contains(s.kinds, k) })
	}
	return func(yield func(agentstate.Record, error) bool) {
		for r, err := range s.Source.Records(ctx, &o) {
			if err == nil && agentstate.IsState(agentstate.KindOf(r)) && !slices.Contains(s.kinds, agentstate.KindOf(r)) {
				continue // a source may give more than is asked for
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
