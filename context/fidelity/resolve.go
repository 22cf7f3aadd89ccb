package fidelity

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// resolve compares, by the bytes that they stand for, the columns in which the two sides cite
// differently.
func (c *comparer) resolve(ctx context.Context, want, got agentstate.Source) error {
	if len(c.open) == 0 {
		return nil
	}
	w, err := newSide(ctx, want, c.opts.Dir)
	if err != nil {
		return fmt.Errorf("fidelity: first state: %w", err)
	}
	defer w.close()
	g, err := newSide(ctx, got, c.opts.Dir)
	if err != nil {
		return fmt.Errorf("fidelity: second state: %w", err)
	}
	defer g.close()
	for i := range c.open {
		p := &c.open[i]
		for _, id := range p.fields {
			same, err := c.column(ctx, w, g, p, c.paths.names[id])
			if err != nil {
				return fmt.Errorf("fidelity: %s: %w", p.want, err)
			}
			grade := Exact
			if !same {
				grade = Transformed
			}
			c.grade(p, id, grade)
		}
		c.finish(p)
	}
	return nil
}

// column compares the columns at path of a record, in all of its native forms.
func (c *comparer) column(ctx context.Context, w, g *side, p *pending, path string) (bool, error) {
	a, err := w.columns(ctx, p.want, path)
	if err != nil {
		return false, err
	}
	b, err := g.columns(ctx, p.got, path)
	if err != nil || len(a) != len(b) {
		return false, err
	}
	for i := range a {
		if !equal(a[i], b[i]) {
			return false, nil
		}
	}
	return true, nil
}

func equal(a, b any) bool {
	switch a := a.(type) {
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	case float64:
		b, ok := b.(float64)
		return ok && math.Float64bits(a) == math.Float64bits(b)
	}
	return a == b
}

// side is a state with access by key.
type side struct {
	res   agentstate.Resolver
	spool *diskmap.Map // nil: the source has access by key
	stop  func()       // ends the stream that keeps blobs open
}

// newSide reads a source that has no access by key into a sealed temporary file, and then keeps a
// stream of it open, which is what its blobs live by.
func newSide(ctx context.Context, src agentstate.Source, dir string) (*side, error) {
	s := &side{res: agentstate.ResolverOf(src), stop: func() {}}
	if s.res.Get != nil {
		return s, nil
	}
	var err error
	if s.spool, err = diskmap.New(dir); err != nil {
		return nil, err
	}
	for r, err := range src.Records(ctx, nil) {
		if err == nil {
			err = s.put(r)
		}
		if err != nil {
			s.close()
			return nil, err
		}
	}
	s.res.Get = s.get
	next, stop := iter.Pull2(src.Records(ctx, nil))
	s.stop = stop
	if _, err, ok := next(); ok && err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *side) put(r agentstate.Record) error {
	b, err := proto.Marshal(r)
	if err != nil {
		return err
	}
	return s.spool.Put(r.GetMeta().GetKey(), b)
}

func (s *side) get(_ context.Context, key string) (agentstate.Record, error) {
	b, ok, err := s.spool.Get(key)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: %s", agentstate.ErrNotFound, key)
	}
	r := agentstate.New(agentstate.KindOfKey(key))
	return r, proto.Unmarshal(b, r)
}

func (s *side) close() {
	s.stop()
	if s.spool != nil {
		s.spool.Close()
	}
}

// columns are the values of the columns at path of the record under key.
func (s *side) columns(ctx context.Context, key, path string) ([]any, error) {
	r, err := s.res.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	var out []any
	for _, n := range r.GetMeta().GetNative() {
		for _, col := range n.GetRow().GetColumns() {
			if columnPath(col) != path {
				continue
			}
			v, err := s.res.Column(ctx, r, col)
			if err != nil {
				return nil, err
			}
			out = append(out, v, col.Type)
		}
	}
	return out, nil
}

// columnPath is the path of a column. Names come from outside, and may be anything but bad UTF-8.
func columnPath(c *pb.Column) string { return "native." + c.Name }
