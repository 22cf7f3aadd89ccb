package fidelity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// arrivals are the records of got, one after another. Where want gives the bytes of its records, and got is no archive,
// both are read in turn: what comes under the key at which want is, is compared at once, by its bytes, and needs no digest. What
// comes before its time waits, and all behind it, until want is at its key, or has ended. So nothing of got is held but
// one record.
type arrivals struct {
	c *comparer
	l *links
	f *flattener
	g *glancer

	src   agentstate.Source
	turns bool                                    // it can be read in turn with want
	next  func() (agentstate.Record, error, bool) // nil: not begun
	stop  func()
	rec   agentstate.Record // that was read and not yet compared; nil: none
	key   string            // of rec
	wire  []byte            // of rec; nil: not at hand
	early bool              // want was not at rec yet
	ended bool
}

func newArrivals(ctx context.Context, c *comparer, src agentstate.Source) *arrivals {
	a := &arrivals{c: c, src: src, turns: c.sums != nil && !archived(src), f: newFlattener(ctx, src, c.paths, nil), l: newLinks(c.opts.Dir, c.inGot)}
	a.l.due = c.required
	a.f.ref = a.l.ref
	a.g = newGlancer(a.f, c.sums)
	return a
}

// archived tells whether src is at bottom an archive. It decodes ahead, and two that do at a time take twice the memory.
func archived(src agentstate.Source) bool {
	for {
		w, ok := src.(interface{ Unwrap() agentstate.Source })
		if !ok {
			_, ok = src.(agentstate.Wirer)
			return ok
		}
		src = w.Unwrap()
	}
}

func (a *arrivals) close() {
	a.l.close()
	if a.stop != nil {
		a.stop()
	}
}

// begin begins to read. Further calls do nothing.
func (a *arrivals) begin() {
	if a.next == nil {
		a.next, a.stop = iter.Pull2(agentstate.Lent(a.f.ctx, a.src, nil)) // nothing here changes a record
	}
}

// read reads on where rec is compared; nil: got has ended.
func (a *arrivals) read() error {
	for a.rec == nil && !a.ended {
		r, err, ok := a.next()
		if err != nil {
			return err
		}
		if a.ended = !ok; a.ended {
			return nil
		}
		if o, ok := r.(*pb.Origin); ok && a.c.origins[1] == nil {
			a.c.origins[1] = o
			a.c.rep.Native = alike(a.c.origins[0], o)
			a.f.bare = !a.c.rep.Native
		}
		if a.c.control(r) {
			continue
		}
		a.c.most.add(r)
		a.rec, a.key, a.wire, a.early = r, r.GetMeta().GetKey(), nil, false
	}
	return nil
}

// turn tells whether the record that is to be compared next is under key, at which want is. What comes before it and
// want had earlier is compared.
func (a *arrivals) turn(key string) (bool, error) {
	if a.next == nil {
		return false, nil
	}
	for {
		if err := a.read(); err != nil || a.rec == nil {
			return false, err
		}
		if a.key == key {
			return true, nil
		}
		if a.early {
			return false, nil
		}
		had, err := a.had()
		if err != nil {
			return false, err
		}
		a.early = !had
	}
}

// had compares rec where want had its key; false: it had not.
func (a *arrivals) had() (bool, error) {
	raw, ok, err := a.c.known.View(a.key)
	if err != nil || !ok {
		return false, err
	}
	e, err := decode(a.key, raw)
	if err != nil {
		return false, err
	}
	return true, a.arrive(&e, nil, false)
}

// same tells whether the bytes of rec are these.
func (a *arrivals) same(want []byte) bool {
	a.wire = a.g.marshal(a.rec)
	return a.wire != nil && bytes.Equal(a.wire, want)
}

// arrive compares rec, under whose key want has e. same: it has the bytes that like looked at.
func (a *arrivals) arrive(e *entry, like *glancer, same bool) error {
	c, r := a.c, a.rec
	a.rec = nil
	if e.due() && rank(r) > e.rank && !c.raised.has(e.n) { // whichever of two it is: an agent may go by either
		c.raised.set(e.n)
		c.rep.Raised = list(c.rep.Raised, e.key)
		c.rep.RaisedN++
	}
	if c.seen.has(e.n) {
		c.copied(a.key, e.expect)
		return nil
	}
	c.seen.set(e.n)
	c.arrived++
	whose := ours
	if !e.due() { // what was there before, or must not be there
		whose = foreign
	}
	a.l.begin(r, whose)
	a.l.there(a.key)
	switch e.expect {
	case Ignored:
		c.overruled(e, r)
		c.skip(e.key)
		return nil
	case Absent:
		c.rep.extra(e.key)
		c.rep.kind(e.key).Forbidden++
		return nil
	}
	c.rep.Times.add(e.key, e.made, r.GetMeta().GetCreatedUnixNano())
	c.order.add(&c.rep.Times, r, e.n)
	if same {
		for _, x := range like.refs {
			a.l.ref(x.path, x.key)
		}
		c.alike(e.key, like.used)
		return nil
	}
	if err := c.pair(e, r, a.wire, a.f, a.g); err != nil {
		return fmt.Errorf("%s: %w", a.key, err)
	}
	return nil
}

// rest compares what has not come yet, when all of want was read.
func (a *arrivals) rest(ctx context.Context) error {
	a.begin()
	for {
		if err := a.read(); err != nil {
			return err
		}
		if a.rec == nil {
			break
		}
		had, err := a.had()
		if err != nil {
			return err
		}
		if !had {
			if err := a.unwanted(); err != nil {
				return fmt.Errorf("%s: %w", a.key, err)
			}
		}
	}
	if err := errors.Join(ctx.Err(), a.l.end()); err != nil {
		return err
	}
	a.c.settle()
	a.l.report(a.c.rep, a.c.paths, true)
	return nil
}

// unwanted is a record of got that want has not.
func (a *arrivals) unwanted() error {
	r := a.rec
	a.rec = nil
	first, err := a.c.other(a.key)
	if err != nil || !first { // a copy's references are those of the first
		return err
	}
	a.l.begin(r, foreign)
	a.l.there(a.key)
	if a.g.look(r, a.g.marshal(r), false) { // for its references
		return nil
	}
	_, err = a.f.flatten(r)
	return err
}
