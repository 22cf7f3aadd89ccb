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
	return ofKinds(s.Source.Records(ctx, s.asked(opts)), s.kinds, agentstate.KindOf)
}

// Wired are those, with their bytes where the source has them.
func (s *only) Wired(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Wired, error] {
	return ofKinds(agentstate.WiredOf(ctx, s.Source, s.asked(opts)), s.kinds, kindOf)
}

// Lend are those, lent where the source lends.
func (s *only) Lend(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Wired, error] {
	return ofKinds(agentstate.Lent(ctx, s.Source, s.asked(opts)), s.kinds, kindOf)
}

func kindOf(w agentstate.Wired) string { return agentstate.KindOf(w.Record) }

// asked is opts with no other kinds.
func (s *only) asked(opts *agentstate.ReadOptions) *agentstate.ReadOptions {
	o := agentstate.ReadOptions{}
	if opts != nil {
		o = *opts
	}
	if o.Kinds == nil {
		o.Kinds = s.kinds
	} else {
		o.Kinds = slices.DeleteFunc(slices.Clone(o.Kinds), func(k string) bool { return !slices.Contains(s.kinds, k) })
	}
	return &o
}

// ofKinds is what of seq is of these kinds: a source may give more than is asked for.
func ofKinds[T any](seq iter.Seq2[T, error], kinds []string, kind func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for x, err := range seq {
			if err == nil {
				if k := kind(x); agentstate.IsState(k) && !slices.Contains(kinds, k) {
					continue
				}
			}
			if !yield(x, err) {
				return
			}
		}
	}
}
