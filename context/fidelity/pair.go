package fidelity

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// pair compares w of got with the entry of want.
func (c *comparer) pair(e *entry, w agentstate.Wired, f *flattener, g *glancer) error {
	r := w.Record
	if !e.whole {
		fields, err := f.flatten(r)
		if err != nil {
			return err
		}
		if c.sums != nil && c.vectorOf(e.key, r) != nil {
			return c.later(e.key, r, fields)
		}
		return c.match(e, r.GetMeta().GetKey(), fields, nil)
	}
	sum, ok := g.look(r, w.Wire)
	if ok && sum.fields == e.glance.fields && (!c.rep.Native || sum.native == e.glance.native) {
		c.alike(e.key, g.used)
		return nil
	}
	if ok { // its references were told
		defer func(ref func(uint16, string)) { f.ref = ref }(f.ref)
		f.ref = nil
	}
	fields, err := f.flatten(r)
	if err != nil {
		return err
	}
	return c.later(e.key, r, fields)
}

// later keeps r of got, the record that is key in want, for again: its key, its fields, and its vector where that is looked at.
func (c *comparer) later(key string, r agentstate.Record, fields []field) error {
	vector := c.vectorOf(key, r)
	b := appendText(nil, r.GetMeta().GetKey())
	b = binary.AppendUvarint(b, uint64(vector.GetElement()))
	b = appendText(b, string(vector.GetVector()))
	return c.differ.Put(key, appendFields(b, fields))
}

// kept is what later kept; the vector has no numbers where none was.
func kept(b []byte) (key string, fields []field, vector *pb.Embedding, err error) {
	if key, b, err = textOf(b); err != nil {
		return "", nil, nil, err
	}
	element, n := binary.Uvarint(b)
	if n <= 0 {
		return "", nil, nil, errEntry
	}
	numbers, b, err := textOf(b[n:])
	if err != nil {
		return "", nil, nil, err
	}
	fields, err = fieldsOf(b)
	return key, fields, &pb.Embedding{Element: pb.Embedding_Element(element), Vector: []byte(numbers)}, err
}

// mostGets is how many records are read by key; beyond that all of want is read once more.
const mostGets = 1000

// again compares what was not alike at a glance, field by field.
func (c *comparer) again(ctx context.Context, want agentstate.Source) error {
	if c.differ.Len() == 0 {
		return nil
	}
	f := newFlattener(ctx, want, c.paths, c.opts.Key)
	one := func(r agentstate.Record, raw []byte) error {
		e := &entry{key: r.GetMeta().GetKey()}
		got, fields, vector, err := kept(raw)
		if err == nil {
			e.fields, err = f.flatten(r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.key, err)
		}
		var vectors *[2]*pb.Embedding
		if want := c.vectorOf(e.key, r); want != nil {
			vectors = &[2]*pb.Embedding{want, vector}
		}
		return c.match(e, got, fields, vectors)
	}
	if c.differ.Len() <= mostGets {
		for x, err := range c.differ.All() {
			if err != nil {
				return err
			}
			r, err := f.src.Get(ctx, x.Key)
			if err == nil {
				err = one(r, x.Value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	n := 0
	for r, err := range want.Records(ctx, nil) {
		if err != nil {
			return err
		}
		raw, ok, err := c.differ.Get(r.GetMeta().GetKey())
		if err != nil {
			return err
		}
		if !ok || len(raw) == 0 {
			continue
		}
		n++
		if err := one(r, raw); err != nil {
			return err
		}
		if c.rep.TwiceN > 0 { // of two, the first is compared
			if err := c.differ.Put(r.GetMeta().GetKey(), nil); err != nil {
				return err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if n != c.differ.Len() {
		return errors.New("it has changed while it was compared")
	}
	return nil
}

// match compares the fields of a record that is in both.
// vectors are those of two Embeddings, if a loss was announced; nil: they are not at hand.
func (c *comparer) match(e *entry, gotKey string, got []field, vectors *[2]*pb.Embedding) error {
	c.rep.Records++
	c.rep.kind(e.key).Records++
	p := pending{want: e.key, got: gotKey, counts: c.countsOf(e.key), clean: true, same: true}
	want, all := e.fields, got
	var gone []uint16
	moved := false
	for len(want)+len(got) > 0 {
		var id uint16
		grade := Exact
		switch {
		case len(got) == 0 || len(want) > 0 && want[0].path < got[0].path:
			id, grade, want = want[0].path, Dropped, want[1:]
		case len(want) == 0 || got[0].path < want[0].path:
			id, grade, got = got[0].path, Defaulted, got[1:]
		default:
			w, g := want[0], got[0]
			id, want, got = w.path, want[1:], got[1:]
			if w.digest != g.digest {
				grade = Transformed
				native := c.paths.native(id)
				if (w.cites || g.cites) && (c.rep.Native || !native) || (w.forms || g.forms) && !native && !c.announced(p.want, id) {
					p.fields = append(p.fields, id)
					continue
				}
			}
		}
		if (grade == Transformed || grade == Dropped) && c.paths.names[id] == vectorPath && c.announcedVector(p.want) {
			if vectors == nil {
				p.fields = append(p.fields, id)
			} else {
				c.judgeVector(&p, id, vectors[0], vectors[1])
			}
			continue
		}
		if grade == Dropped && c.wasToChange(p.want, id) {
			gone = append(gone, id)
			continue
		}
		moved = moved || (grade == Transformed || grade == Defaulted) && c.holds(id)
		c.grade(&p, id, grade)
	}
	c.gone(&p, gone, all, moved)
	if p.fields != nil {
		return c.open.add(&p)
	}
	c.finish(&p)
	return nil
}
