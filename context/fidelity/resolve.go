package fidelity

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// pendings are records that wait for resolve, in a sealed temporary file.
type pendings struct{ m *diskmap.Map }

func (ps *pendings) add(p *pending) error {
	b := []byte{0}
	for i, set := range []bool{p.clean, p.same, p.said} {
		if set {
			b[0] |= 1 << i
		}
	}
	b = binary.AppendUvarint(b, uint64(len(p.fields)))
	for _, id := range p.fields {
		b = binary.LittleEndian.AppendUint16(b, id)
	}
	return ps.m.Put(p.want, append(b, p.got...))
}

func (ps *pendings) decode(x diskmap.Entry) (*pending, error) {
	p := &pending{want: x.Key}
	if len(x.Value) < 2 {
		return nil, errEntry
	}
	p.clean, p.same, p.said = x.Value[0]&1 != 0, x.Value[0]&2 != 0, x.Value[0]&4 != 0
	n, i := binary.Uvarint(x.Value[1:])
	b := x.Value[1+max(i, 0):]
	if i <= 0 || uint64(len(b)) < 2*n {
		return nil, errEntry
	}
	for range n {
		p.fields, b = append(p.fields, binary.LittleEndian.Uint16(b)), b[2:]
	}
	p.got = string(b)
	return p, nil
}

// resolve compares the columns in which the two sides cite differently by the bytes that they stand
// for, and text and JSON by value.
func (c *comparer) resolve(ctx context.Context, want, got agentstate.Source) error {
	if c.open.m.Len() == 0 {
		return nil
	}
	w, err := newSide(ctx, want, c.opts.Dir)
	if err != nil {
		return &SideError{Err: err}
	}
	defer w.close()
	g, err := newSide(ctx, got, c.opts.Dir)
	if err != nil {
		return &SideError{Second: true, Err: err}
	}
	defer g.close()
	w.flat, g.flat = newFlattener(ctx, nil, c.paths, c.opts.Key), newFlattener(ctx, nil, c.paths, nil)
	w.flat.src, g.flat.src, w.flat.canon, g.flat.canon = w.res, g.res, true, true
	for x, err := range c.open.m.All() {
		if err != nil {
			return err
		}
		p, err := c.open.decode(x)
		if err != nil {
			return err
		}
		p.counts = c.countsOf(p.want)
		if err := c.decide(ctx, w, g, p); err != nil {
			return fmt.Errorf("fidelity: %s: %w", p.want, err)
		}
		c.finish(p)
	}
	return nil
}

// decide grades the fields of p that were left open.
func (c *comparer) decide(ctx context.Context, w, g *side, p *pending) error {
	var want, got map[uint16]field // by value
	for _, id := range p.fields {
		grade := Transformed
		if c.paths.native(id) {
			same, err := c.column(ctx, w, g, p, c.paths.names[id])
			if err != nil {
				return err
			}
			if same {
				grade = Exact
			}
			c.grade(p, id, grade)
			continue
		}
		if c.paths.names[id] == vectorPath && c.announcedVector(p.want) {
			a, err := w.res.Get(ctx, p.want)
			if err != nil {
				return err
			}
			b, err := g.res.Get(ctx, p.got)
			if err != nil {
				return err
			}
			of, _ := a.(*pb.Embedding)
			as, _ := b.(*pb.Embedding)
			c.judgeVector(p, id, of, as)
			continue
		}
		if want == nil {
			var err error
			if want, err = w.values(ctx, p.want); err != nil {
				return err
			}
			if got, err = g.values(ctx, p.got); err != nil {
				return err
			}
		}
		if want[id].digest == got[id].digest {
			grade = Equivalent
		}
		c.grade(p, id, grade)
	}
	return nil
}

// values are the fields of the record under key by value, whatever their form.
func (s *side) values(ctx context.Context, key string) (map[uint16]field, error) {
	r, err := s.res.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	fields, err := s.flat.flatten(r)
	out := map[uint16]field{}
	for _, x := range fields {
		out[x.path] = x
	}
	return out, err
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
	flat  *flattener   // gives fields by value
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
	_, err = s.spool.Add(r.GetMeta().GetKey(), b) // of two, the first is compared
	return err
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
