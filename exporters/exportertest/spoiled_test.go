package exportertest

import (
	"context"
	"io"
	"iter"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// good is the harness that every bad driver below spoils in one way.
func good() Harness {
	return Harness{
		Open: func(context.Context) (agentstate.Source, error) {
			return small, nil
		},
		Secrets: []string{canary},
		Fault: func(_ context.Context, f memstate.Fault) (agentstate.Source, error) {
			return &memstate.Client{Server: memstate.NewServer(large, 10, f)}, nil
		},
	}
}

// served is a harness whose state comes from the paged service too.
func served() Harness {
	h := good()
	h.Open = func(context.Context) (agentstate.Source, error) {
		return &memstate.Client{Server: memstate.NewServer(large, 10, "")}, nil
	}
	return h
}

// state is a State with the blobs of another.
type state struct {
	*memstate.State
	base *memstate.State
}

func (s state) OpenBlob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error) {
	return s.base.OpenBlob(ctx, b)
}

// edited spoils the records. run counts the openings.
func edited(edit func(rs recs, run int) recs) Harness {
	h := served()
	run := 0
	h.Open = func(ctx context.Context) (agentstate.Source, error) {
		run++
		r, err := read(ctx, small, nil)
		if err != nil {
			return nil, err
		}
		s := memstate.New(edit(r.recs, run)...)
		s.MarkEvery = 7
		return state{s, small}, nil
	}
	h.Fault = nil // it is another source
	return h
}

// on changes the first record of a type.
func on[R agentstate.Record](edit func(r R)) Harness {
	return edited(func(rs recs, _ int) recs {
		r, _ := find[R](rs)
		edit(r)
		return rs
	})
}

// streamed spoils the stream.
func streamed(f func(ctx context.Context, opts *agentstate.ReadOptions, base iter.Seq2[agentstate.Record, error], yield func(agentstate.Record, error) bool)) Harness {
	h := edited(func(rs recs, _ int) recs { return rs })
	openGood := h.Open
	h.Open = func(ctx context.Context) (agentstate.Source, error) {
		src, err := openGood(ctx)
		return stream{src, f}, err
	}
	return h
}

type stream struct {
	agentstate.Source
	f func(ctx context.Context, opts *agentstate.ReadOptions, base iter.Seq2[agentstate.Record, error], yield func(agentstate.Record, error) bool)
}

func (s stream) Unwrap() agentstate.Source { return s.Source }

func (s stream) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		s.f(ctx, opts, s.Source.Records(ctx, opts), yield)
	}
}

// find is the first record of type R.
func find[R agentstate.Record](rs recs) (R, int) {
	for i, r := range rs {
		if t, ok := r.(R); ok {
			return t, i
		}
	}
	panic("the sample has no such record")
}

// faulty serves a state, and misbehaves in another way than it is told to for one fault.
func faulty(f memstate.Fault, instead func() agentstate.Source) Harness {
	h := served()
	honest := h.Fault
	h.Fault = func(ctx context.Context, g memstate.Fault) (agentstate.Source, error) {
		if f == g {
			return instead(), nil
		}
		return honest(ctx, g)
	}
	return h
}

func clean() agentstate.Source {
	return &memstate.Client{Server: memstate.NewServer(large, 10, "")}
}
