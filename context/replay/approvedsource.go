package replay

import (
	"context"
	"iter"

	"github.com/exitramp/exitramp/context/agentstate"
)

// approved is a source as it was let through: labelled, and without what approvals took. So a target
// that holds more than was let through does not pass as narrowed.
type approved struct {
	agentstate.Source
	b *readBack
}

func (s approved) Unwrap() agentstate.Source { return s.Source }

func (s approved) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for w, err := range s.Wired(ctx, o) {
			if !yield(w.Record, err) {
				return
			}
		}
	}
}

// Wired is Records with the bytes of what nothing was done to.
func (s approved) Wired(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Wired, error] {
	return func(yield func(agentstate.Wired, error) bool) {
		for w, err := range agentstate.WiredOf(ctx, s.Source, o) {
			if err == nil {
				if r := s.through(w.Record); r != w.Record {
					w = agentstate.Wired{Record: r}
				}
			}
			if !yield(w, err) {
				return
			}
		}
	}
}

// through is r as it was let through.
func (s approved) through(r agentstate.Record) agentstate.Record {
	s.b.now = lately{key: r.GetMeta().GetKey()}
	r, _ = imported(r, s.b.j.head.Label)
	if canNarrow(r) {
		if rc := s.b.receipt(r.GetMeta().GetKey()); rc != nil && rc.Approval != nil {
			r, _ = rc.Approval.narrow(r)
		}
	}
	return r
}

type approvedGetter struct{ approved }

// Get finds a record by key.
func (s approvedGetter) Get(ctx context.Context, key string) (agentstate.Record, error) {
	g, _ := agentstate.As[agentstate.Getter](s.Source)
	r, err := g.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return s.through(r), nil
}
