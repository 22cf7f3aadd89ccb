package main

import (
	"context"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// gapFiller reads the kinds that had gaps anew from the runtime, and the rest from the earlier
// archive. A kind is read whole: what its gap hid cannot be told from what has changed since.
type gapFiller struct {
	old   *format.Reader
	live  agentstate.Source
	again []string // kinds to read anew
}

// onlyGaps finds the kinds with gaps, those of which more were counted than came, and those whose records are
// readings of them.
func onlyGaps(ctx context.Context, old *format.Reader, live agentstate.Source) (agentstate.Source, error) {
	again := map[string]bool{}
	var st *pb.Completeness
	var was []string
	for r, err := range old.Records(ctx, &agentstate.ReadOptions{Kinds: []string{}}) {
		if err != nil {
			return nil, err
		}
		switch r := r.(type) {
		case *pb.Gap:
			again[r.Kind] = true
		case *pb.Completeness:
			st = r
		case *pb.Origin:
			was = append(was, r.Product)
		}
	}
	for _, k := range st.GetKinds() {
		if cameShort(k, old.Info().Records[k.Kind]) {
			again[k.Kind] = true
		}
	}
	if len(again) == 0 {
		return nil, withHint(usagef("--only-gaps: that archive has no gaps, so nothing is left to read again"), "go on with that archive; without --only-gaps all is read anew")
	}
	is, err := product(ctx, live)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(was, is) {
		return nil, usagef("--only-gaps: that archive is of %s, and SOURCE is of %s: what was missing is not there", clean(strings.Join(was, ", ")), clean(is))
	}
	if again[""] {
		return live, nil // a gap of no one kind: all of it
	}
	for _, k := range st.GetKinds() {
		for _, d := range k.DerivedFrom {
			if again[d] {
				again[k.Kind] = true
			}
		}
	}
	return &gapFiller{old, live, keys(again)}, nil
}

// product is of which runtime a source is.
func product(ctx context.Context, src agentstate.Source) (string, error) {
	for r, err := range src.Records(ctx, &agentstate.ReadOptions{Kinds: []string{}}) {
		if err != nil {
			return "", err
		}
		if o, ok := r.(*pb.Origin); ok {
			return o.Product, nil
		}
	}
	return "", nil
}

// cameShort tells whether the source knew of more than the n records of a kind: that nobody named what is missing makes
// it no less missing.
func cameShort(k *pb.KindCompleteness, n uint64) bool {
	return k.Class == pb.KindCompleteness_CLASS_ENUMERATED && max(k.Enumerated, k.GetReference(), k.GetRelisted()) > n
}

// Records yields the stream of the runtime with the kinds that had no gap taken from the
// archive. Hard references still point back: kinds of the archive come first.
func (g *gapFiller) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		facts := map[string]*pb.KindCompleteness{}
		origin := false
		for r, err := range g.old.Records(ctx, nil) {
			if err != nil {
				yield(nil, err)
				return
			}
			k := agentstate.KindOf(r)
			switch c := r.(type) {
			case *pb.Completeness:
				for _, f := range c.Kinds {
					facts[f.Kind] = f
				}
				continue
			case *pb.Origin:
				origin = true
			}
			if k == "gap" || slices.Contains(g.again, k) {
				continue
			}
			if !yield(r, nil) {
				return
			}
		}
		for r, err := range g.live.Records(ctx, &agentstate.ReadOptions{Kinds: g.again}) {
			if err != nil {
				yield(nil, err)
				return
			}
			k := agentstate.KindOf(r)
			switch c := r.(type) {
			case *pb.Mark:
				continue
			case *pb.Origin:
				if origin {
					continue
				}
			case *pb.Completeness:
				c.Consistent = false // two readings
				c.Resumed++
				for i, f := range c.Kinds {
					if old, ok := facts[f.Kind]; ok && !slices.Contains(g.again, f.Kind) {
						c.Kinds[i] = old
					}
				}
			}
			if agentstate.IsState(k) && !slices.Contains(g.again, k) {
				continue
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// OpenBlob asks the archive first: its blobs are named otherwise than those of runtimes.
func (g *gapFiller) OpenBlob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error) {
	if len(b.GetSha256()) > 0 {
		return g.old.OpenBlob(ctx, b)
	}
	bs, ok := agentstate.As[agentstate.BlobSource](g.live)
	if !ok {
		return nil, agentstate.ErrUnsupported
	}
	return bs.OpenBlob(ctx, b)
}
