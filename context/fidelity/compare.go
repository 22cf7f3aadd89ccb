package fidelity

import (
	"context"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Options are the options of Compare. A nil pointer compares everything but control records.
type Options struct {
	// Key is the key in got of what is key in want; nil: the same. References are mapped alike.
	Key func(key string) string
	// Expect says what is meant to have become of a record of want; nil: all are Required.
	Expect func(r agentstate.Record) Expectation
	// Control compares origins, gaps, statements and tombstones too.
	Control bool
	// Announced is the grade and the reason that a field of a record was said to get, when it was
	// written. key is that of want. nil: nothing was said. The vector of an embedding is another one all the same,
	// unless it has the same numbers, or as nearly as the form of either side can hold them.
	Announced func(key, path string) (g Grade, why string, ok bool)
	// Anew: vectors were made anew, so that those of want are others.
	Anew bool
	// Dir is where the temporary files are; empty: the system's folder. They are sealed.
	Dir string
}

// Expectation is what is meant to have become of a record of want.
type Expectation byte

// The expectations.
const (
	Required Expectation = iota // it is there
	Optional                    // it may be there: then it is alike
	Ignored                     // whatever is there is not looked at
	Absent                      // it must not be there: then it is Extra
)

// Compare compares two states by key, field by field. It reads want once and got once, and holds
// digests of want in a sealed temporary file: one a record where want has access by key, and what
// turns out to differ is then read again; else one a field, some 300 bytes a record. Of got, vectors of which a loss was
// announced lie there, too, whole. Values that lie outside of
// their records, in blobs, are compared by their bytes. Where a native form cites other records and
// the two sides cite differently, the bytes that it stands for are compared: that takes access by
// key, or a second reading of a side that has none.
func Compare(ctx context.Context, want, got agentstate.Source, opts *Options) (*Report, error) {
	if opts == nil {
		opts = &Options{}
	}
	c := &comparer{
		opts: opts, paths: newPaths(), fields: map[string]*[]graded{},
		rep: &Report{Grades: map[Grade]uint64{}, Kinds: map[string]*Kind{}, LossN: map[string]uint64{}, FieldN: map[string]map[string]map[Grade]uint64{}, Links: map[string]*Link{}},
	}
	var err error
	if agentstate.ResolverOf(want).Get != nil {
		if c.sums, err = sealer(); err != nil {
			return nil, err
		}
	}
	for _, m := range []**diskmap.Map{&c.known, &c.others, &c.differ, &c.open.m} {
		if *m, err = diskmap.New(opts.Dir); err != nil {
			return nil, err
		}
		defer (*m).Close()
	}
	defer func() {
		if c.buried != nil {
			c.buried.Close()
		}
	}()
	if err := c.readWant(ctx, want); err != nil {
		return nil, &SideError{Err: err}
	}
	if err := c.readGot(ctx, got); err != nil {
		return nil, &SideError{Second: true, Err: err}
	}
	if err := c.missing(); err != nil {
		return nil, err
	}
	if err := c.again(ctx, want); err != nil {
		return nil, &SideError{Err: err}
	}
	if err := c.resolve(ctx, want, got); err != nil {
		return nil, err
	}
	c.fieldN()
	return c.rep, nil
}

type comparer struct {
	opts    *Options
	known   *diskmap.Map // key in got → entry of want
	differ  *diskmap.Map // key in want → key and fields in got, of what is not alike at a glance
	sums    cipher.AEAD  // nil: want is read once, and nothing is compared at a glance
	paths   *paths
	rep     *Report
	origins [2]*pb.Origin
	n       int                  // entries
	arrived int                  // of them, in got
	seen    bits                 // entries that came
	raised  bits                 // entries that came with more authority
	open    pendings             // records that differ in form, maybe in no more
	others  *diskmap.Map         // keys of got that are not in want
	buried  *diskmap.Map         // keys in got of which want has tombstones; nil: it has none
	most    granted              // of got
	off     [2]uint64            // limits, by rank, for which got has under their keys what is off
	order   order                // of got
	fields  map[string]*[]graded // by kind; at the number of its path
}

func (c *comparer) control(r agentstate.Record) bool {
	switch r.(type) {
	case *pb.Mark:
		return true
	}
	return !c.opts.Control && !agentstate.IsState(agentstate.KindOf(r))
}

func (c *comparer) readWant(ctx context.Context, src agentstate.Source) error {
	f := newFlattener(ctx, src, c.paths, c.opts.Key)
	l := newLinks(c.opts.Dir, func(key string) (bool, error) { _, ok, err := c.known.View(key); return ok, err })
	defer l.close()
	var refs []reference // of the present record
	f.ref = func(path uint16, key string) { refs = append(refs, reference{path, key}) }
	g := newGlancer(f, c.sums)
	var raw []byte
	for w, err := range agentstate.WiredOf(ctx, src, nil) {
		if err != nil {
			return err
		}
		r := w.Record
		if o, ok := r.(*pb.Origin); ok && c.origins[0] == nil {
			c.origins[0] = o
		}
		if t, ok := r.(*pb.Tombstone); ok {
			if err := c.bury(t.OfKey); err != nil {
				return err
			}
		}
		if c.control(r) {
			continue
		}
		e := entry{n: c.n, key: r.GetMeta().GetKey(), rank: rank(r), limits: limits(r), made: r.GetMeta().GetCreatedUnixNano()}
		at := e.key
		if c.opts.Key != nil {
			at = c.opts.Key(e.key)
		}
		if c.opts.Expect != nil {
			e.expect = c.opts.Expect(r)
		}
		refs = refs[:0]
		if e.due() {
			if e.glance, e.whole = g.look(r, w.Wire); !e.whole {
				if e.fields, err = f.flatten(r); err != nil {
					return fmt.Errorf("%s: %w", e.key, err)
				}
			}
		}
		raw = e.append(raw[:0], at)
		switch added, err := c.known.Add(at, raw); {
		case err != nil:
			return err
		case added:
			c.n++
			if e.due() { // a copy's references are those of the first
				l.begin(r, ours)
				for _, x := range refs {
					l.ref(x.path, x.key)
				}
			}
		case e.expect == Required:
			c.rep.twice(at)
			c.rep.missing(e.key)
			if err := c.merged(at, e.key); err != nil {
				return err
			}
		default:
			c.skip(e.key)
		}
		l.there(at)
	}
	c.seen, c.raised = newBits(c.n), newBits(c.n)
	if err := errors.Join(ctx.Err(), l.end()); err != nil {
		return err
	}
	l.report(c.rep, c.paths, false)
	return nil
}

func (c *comparer) readGot(ctx context.Context, src agentstate.Source) error {
	f := newFlattener(ctx, src, c.paths, nil)
	l := newLinks(c.opts.Dir, c.inGot)
	l.due = c.required
	defer l.close()
	f.ref = l.ref
	g := newGlancer(f, c.sums)
	for w, err := range agentstate.Lent(ctx, src, nil) { // nothing here changes a record
		if err != nil {
			return err
		}
		r := w.Record
		if o, ok := r.(*pb.Origin); ok && c.origins[1] == nil {
			c.origins[1] = o
			c.rep.Native = alike(c.origins[0], o)
			f.bare = !c.rep.Native
		}
		if c.control(r) {
			continue
		}
		c.most.add(r)
		key := r.GetMeta().GetKey()
		raw, ok, err := c.known.View(key)
		if err != nil {
			return err
		}
		if !ok {
			if err := c.unwanted(w, l, f, g); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			continue
		}
		e, err := decode(key, raw)
		if err != nil {
			return err
		}
		if e.due() && rank(r) > e.rank && !c.raised.has(e.n) { // whichever of two it is: an agent may go by either
			c.raised.set(e.n)
			c.rep.Raised = list(c.rep.Raised, e.key)
			c.rep.RaisedN++
		}
		if c.seen.has(e.n) {
			c.copied(key, e.expect)
			continue
		}
		c.seen.set(e.n)
		c.arrived++
		whose := ours
		if !e.due() { // what was there before, or must not be there
			whose = foreign
		}
		l.begin(r, whose)
		l.there(key)
		switch e.expect {
		case Ignored:
			c.overruled(&e, r)
			c.skip(e.key)
			continue
		case Absent:
			c.rep.extra(e.key)
			c.rep.kind(e.key).Forbidden++
			continue
		}
		if e.key != key {
			c.rep.Renamed++
		}
		c.rep.Times.add(e.key, e.made, r.GetMeta().GetCreatedUnixNano())
		c.order.add(&c.rep.Times, r, e.n)
		if err := c.pair(&e, w, f, g); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	if err := errors.Join(ctx.Err(), l.end()); err != nil {
		return err
	}
	c.settle()
	l.report(c.rep, c.paths, true)
	return nil
}

// merged counts the record key of want, which is to be at a key of got that is taken, where another one of want has it.
func (c *comparer) merged(at, key string) error {
	raw, _, err := c.known.View(at)
	if err != nil {
		return err
	}
	first, err := decode(at, raw)
	if first.key != key {
		c.rep.Merged++
	}
	return err
}

// unwanted is a record of got that want has not.
func (c *comparer) unwanted(w agentstate.Wired, l *links, f *flattener, g *glancer) error {
	r := w.Record
	key := r.GetMeta().GetKey()
	first, err := c.other(key)
	if err != nil || !first { // a copy's references are those of the first
		return err
	}
	l.begin(r, foreign)
	l.there(key)
	if _, ok := g.look(r, w.Wire); ok { // for its references
		return nil
	}
	_, err = f.flatten(r)
	return err
}

// inGot tells whether a record of got was read.
func (c *comparer) inGot(key string) (bool, error) {
	raw, ok, err := c.known.View(key)
	if err != nil {
		return false, err
	}
	if !ok {
		_, ok, err = c.others.Get(key)
		return ok, err
	}
	n, i := binary.Uvarint(raw)
	if i <= 0 {
		return false, errEntry
	}
	return c.seen.has(int(n)), nil
}

// required tells whether what got is to have under key is Required.
func (c *comparer) required(key string) (bool, error) {
	raw, ok, err := c.known.View(key)
	if err != nil || !ok {
		return false, err
	}
	e, err := decode(key, raw)
	return e.expect == Required, err
}

func (c *comparer) skip(key string) {
	c.rep.Skipped++
	c.rep.kind(key).Skipped++
}

// alike tells whether native forms of a and b are of one form.
func alike(a, b *pb.Origin) bool {
	return a != nil && b != nil && a.Product == b.Product && a.Flavor == b.Flavor
}

// missing finds what never came.
func (c *comparer) missing() error {
	if c.arrived == c.n {
		return nil
	}
	for x, err := range c.known.All() {
		if err != nil {
			return err
		}
		e, err := decode(x.Key, x.Value)
		if err != nil {
			return err
		}
		if c.seen.has(e.n) {
			continue
		}
		if e.expect != Required {
			c.skip(e.key)
			continue
		}
		c.rep.missing(e.key)
		if e.limits && c.most.more(e.rank) {
			c.rep.kind(e.key).Lifted++
		}
	}
	return nil
}
