package fidelity

import (
	"context"
	"errors"
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
)

// pair compares r of got with the entry of want.
func (c *comparer) pair(e *entry, r agentstate.Record, f *flattener, g *glancer) error {
	if !e.whole {
		fields, err := f.flatten(r)
		if err != nil {
			return err
		}
		return c.match(e, r.GetMeta().GetKey(), fields)
	}
	sum, ok := g.look(r, nil)
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
	return c.differ.Put(e.key, appendFields(appendText(nil, r.GetMeta().GetKey()), fields))
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
		got, raw, err := textOf(raw)
		if err != nil {
			return err
		}
		fields, err := fieldsOf(raw)
		if err == nil {
			e.fields, err = f.flatten(r)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.key, err)
		}
		return c.match(e, got, fields)
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
