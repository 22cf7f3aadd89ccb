package memstate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Client is a driver for Server, and the example of how one is written: bounded memory, a mark
// after each page, retry of what passes, a gap for what does not, and facts from more than one
// route.
type Client struct {
	Server *Server
	// Tries is how often a request is made before it is given up; 0: 5.
	Tries int
}

var (
	_ agentstate.Source      = (*Client)(nil)
	_ agentstate.BlobSource  = (*Client)(nil)
	_ agentstate.Preflighter = (*Client)(nil)
)

// at is the position that a cursor of a Client holds.
type at struct {
	Kind, After string // listed up to the record After of Kind
	Revision    int
	Odd         map[string]string // kinds whose listing was not sound, and why
}

// Records reads all kinds in canonical order.
func (c *Client) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	if opts == nil {
		opts = &agentstate.ReadOptions{}
	}
	return func(yield func(agentstate.Record, error) bool) {
		var who *Caller
		if err := c.try(ctx, func() (err error) { who, err = c.Server.WhoAmI(ctx); return err }); err != nil {
			yield(nil, err)
			return
		}
		r := &listing{c: c, who: who, pos: at{Revision: -1}}
		r.e = agentstate.NewEmitter(ctx, yield, &pb.Origin{Product: "memserver", Flavor: "memory"})
		if err := r.e.Resume(opts.Cursor, &r.pos); err != nil {
			r.e.Fail(err)
			return
		}
		if r.pos.Odd == nil {
			r.pos.Odd = map[string]string{}
		}
		r.e.End(r.all(ctx, opts))
	}
}

// OpenBlob opens bytes that a record points at.
func (c *Client) OpenBlob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error) {
	return c.Server.Blob(ctx, b)
}

// Preflight counts, and says what cannot be read.
func (c *Client) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	var who *Caller
	if err := c.try(ctx, func() (err error) { who, err = c.Server.WhoAmI(ctx); return err }); err != nil {
		return nil, err
	}
	p := &agentstate.Preflight{Origin: &pb.Origin{Product: "memserver", Flavor: "memory"}, Observer: who.Principal, Counts: map[string]int64{}}
	for _, k := range agentstate.StateKinds() {
		if !slices.Contains(who.Reads, k) {
			p.Gaps = append(p.Gaps, &pb.Gap{Kind: k, Reason: pb.Gap_REASON_FORBIDDEN, Permission: "state:List" + k})
			continue
		}
		err := c.try(ctx, func() error {
			n, err := c.Server.Count(ctx, k)
			p.Counts[k] = int64(n)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// try makes a request, and makes it again where the failure may pass: 429 after the time that the
// service asks for, 5xx after one that doubles.
func (c *Client) try(ctx context.Context, request func() error) error {
	tries, wait := c.Tries, 5*time.Millisecond
	if tries == 0 {
		tries = 5
	}
	for n := 1; ; n++ {
		err := request()
		var st *StatusError
		if !errors.As(err, &st) || st.Code != 429 && st.Code < 500 || n >= tries {
			return err
		}
		if st.RetryAfter > 0 {
			wait = st.RetryAfter
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait *= 2
	}
}

// listing is one reading under way.
type listing struct {
	c   *Client
	e   *agentstate.Emitter
	who *Caller
	pos at
}

func (r *listing) all(ctx context.Context, opts *agentstate.ReadOptions) error {
	st := r.e.Statement()
	st.Observer, st.ObserverBasis, st.Account = r.who.Principal, "WhoAmI", "memory"
	for _, k := range agentstate.StateKinds() {
		switch {
		case opts.Kinds != nil && !slices.Contains(opts.Kinds, k):
			r.e.Kind(k).Class = pb.KindCompleteness_CLASS_EXCLUDED
			continue
		case r.pos.Kind == "" || slices.Index(agentstate.StateKinds(), k) >= slices.Index(agentstate.StateKinds(), r.pos.Kind):
			if err := r.kind(ctx, k); err != nil {
				return err
			}
		}
		if !r.e.OK() {
			return nil
		}
		if err := r.facts(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// kind lists one kind. The service lists by key, so a key that is not above the last one was
// there before.
func (r *listing) kind(ctx context.Context, kind string) error {
	if r.pos.Kind != kind {
		r.pos.Kind, r.pos.After = kind, ""
	}
	last := r.pos.After
	for next := r.pos.After; ; {
		var p *Page
		err := r.c.try(ctx, func() (err error) { p, err = r.c.Server.List(ctx, kind, next); return err })
		var st *StatusError
		switch {
		case errors.As(err, &st) && st.Code == 403:
			r.e.Gap(&pb.Gap{Kind: kind, Place: "all", Reason: pb.Gap_REASON_FORBIDDEN, Permission: st.Permission, Detail: st.Error()})
			return nil
		case errors.As(err, &st):
			r.e.Gap(&pb.Gap{Kind: kind, Place: "after " + next, Reason: pb.Gap_REASON_REFUSED, Detail: st.Error()})
			r.pos.Odd[kind] = "a page could not be read"
			return nil
		case err != nil:
			return err
		}
		if r.pos.Revision >= 0 && p.Revision != r.pos.Revision {
			r.e.Statement().Changed++
			r.e.Gap(&pb.Gap{Kind: kind, Place: fmt.Sprintf("revision %d", p.Revision), Reason: pb.Gap_REASON_CHANGED})
		}
		r.pos.Revision = p.Revision
		fresh := 0
		for _, rec := range p.Items {
			k := rec.GetMeta().GetKey()
			if k <= last {
				r.pos.Odd[kind] = "records came twice"
				continue
			}
			if !r.e.Put(rec) {
				return nil
			}
			last = k
			fresh++
		}
		if p.Next == "" || len(p.Items) > 0 && fresh == 0 && p.Next <= next {
			if p.Next != "" {
				r.pos.Odd[kind] = "the cursor goes in a circle"
			}
			return nil
		}
		next, r.pos.After = p.Next, last
		if !r.e.Mark(r.pos) {
			return nil
		}
	}
}

// facts states what is known about a kind.
func (r *listing) facts(ctx context.Context, kind string) error {
	f := r.e.Kind(kind)
	if r.pos.Odd[kind] != "" {
		f.Class = pb.KindCompleteness_CLASS_ENUMERATED // and not exhausted
		return nil
	}
	var n uint64
	err := r.c.try(ctx, func() (err error) { n, err = r.c.Server.Count(ctx, kind); return err })
	var st *StatusError
	if errors.As(err, &st) {
		return nil // no second route
	}
	if err != nil {
		return err
	}
	access := ""
	if slices.Contains(r.who.Reads, kind) {
		access = "WhoAmI: reads all"
	}
	r.e.Reference(kind, n, "Count", access)
	return nil
}
