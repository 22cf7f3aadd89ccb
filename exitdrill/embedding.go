package exitdrill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/context/replay"
)

// closers close the last first.
type closers []func() error

func (c *closers) add(f func() error) { *c = append(*c, f) }

// Close closes all of them.
func (c *closers) Close() error {
	var err error
	for i := len(*c) - 1; i >= 0; i-- {
		err = errors.Join(err, (*c)[i]())
	}
	*c = nil
	return err
}

var _ io.Closer = (*closers)(nil)

// embedder starts what the plan names. It sends no text.
func (w *wired) embedder(ctx context.Context) (embed.Embedder, embed.Model, func() error, error) {
	x := &w.p.Embedder
	nothing := func() error { return nil }
	if len(x.Command) > 0 {
		p, err := embed.Start(ctx, x.Command, w.o.Stderr, time.Duration(x.Patience))
		if err != nil {
			return nil, embed.Model{}, nil, fmt.Errorf("exitdrill: embedder.command: %w", err)
		}
		return p, p.Model(), p.Close, nil
	}
	m := embed.Model{Name: x.Model, Dimensions: x.Dimensions}
	u, err := drill.Expand(x.URL, w.lookup)
	if err != nil {
		return nil, m, nil, err
	}
	h := &embed.HTTP{URL: u, Of: m}
	if h.Key, err = drill.Expand(x.Key, w.lookup); err != nil {
		return nil, m, nil, err
	}
	if err := h.Check(); err != nil {
		return nil, m, nil, fmt.Errorf("exitdrill: embedder.url: %w", err)
	}
	return h, m, nothing, nil
}

// embedded is an archive with vectors that are made anew. They are kept beside the journal, so that a
// drill that goes on asks for none twice, and whoever reads back needs no embedder.
func (w *wired) embedded(ctx context.Context, src drill.Runtime, plan bool) (_ *drill.Embedded, err error) {
	e, m, end, err := w.embedder(ctx)
	if err != nil {
		return nil, err
	}
	c := &closers{end}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	keep, err := embed.OpenVectors(w.p.Vectors(), m)
	if err != nil {
		return nil, fmt.Errorf("exitdrill: %w", err)
	}
	c.add(keep.Close)
	s, err := embed.NewSource(src, e, keep)
	if err != nil {
		return nil, fmt.Errorf("exitdrill: %w", err)
	}
	if plan {
		s = s.ForPlan()
	}
	return &drill.Embedded{Source: s, Model: m.String(), Closer: c}, nil
}

// expected is what a read-back wants to find: the archive, with the vectors that the run of j made.
func (w *wired) expected(src agentstate.Source, j *replay.Journal) (agentstate.Source, io.Closer, error) {
	c := &closers{}
	v := j.Vectors()
	if v == nil {
		return src, c, nil
	}
	if _, err := os.Stat(w.p.Vectors()); err != nil {
		return src, c, nil // their numbers are then not compared, and graded as the journal says
	}
	keep, err := embed.OpenVectors(w.p.Vectors(), embed.Model{Name: v.Model, Dimensions: int(v.Dimensions)})
	if err != nil {
		return nil, nil, fmt.Errorf("exitdrill: %w", err)
	}
	c.add(keep.Close)
	s, err := embed.NewSource(src, nil, keep)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("exitdrill: %w", err), c.Close())
	}
	return s, c, nil
}

// unmixed refuses to bring vectors of two models into one index.
func (w *wired) unmixed(ctx context.Context, src agentstate.Source, rt drill.Runtime, dst replay.Target, o *replay.Options) (bool, error) {
	unsaid, err := embed.Meet(ctx, src, rt, dst, o)
	if errors.Is(err, embed.ErrMixed) {
		err = fmt.Errorf("exitdrill: %w; embedder in the plan makes them anew", err)
	}
	return unsaid, err
}
