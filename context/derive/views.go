package derive

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// container tells whether r is a view that is read from every record that names it, and says of one alone, the first,
// that it is read from it. It holds no words of that one, and does not go with it. A space that is read from a space is
// none: a strategy of a memory holds what the memory's own document says.
func container(r agentstate.Record) bool {
	of := r.GetMeta().GetViewOfKeys()
	return len(of) > 0 && contains(agentstate.KindOf(r)) && !slices.ContainsFunc(of, func(base string) bool { return contains(agentstate.KindOfKey(base)) })
}

// contains tells whether records of this kind are what others are in, or of.
func contains(kind string) bool { return kind == "memoryspace" || kind == "principal" }

// reseat finds containers that are views of what is left out. One that is named by what is kept is a view of that from
// now on; else it goes, too, and what it alone named.
func (p *Part) reseat(ctx context.Context) error {
	again := p.containers && (p.in != nil || p.out.Len() > 0)
	for again {
		var err error
		if again, err = p.reseatOnce(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reseatOnce tells whether more was left out.
func (p *Part) reseatOnce(ctx context.Context) (more bool, err error) {
	first, err := diskmap.New(p.opts.Dir)
	if err != nil {
		return false, err
	}
	defer first.Close()
	if err := p.unseated(ctx, first); err != nil || p.seats.Len() == 0 {
		return false, err
	}
	for range 2 { // spaces have what names them first, then who owns them
		err = errors.Join(err, p.each(ctx, func(r agentstate.Record) error {
			if stays, err := p.stays(r); err != nil || !stays {
				return err
			}
			return p.seat(r)
		}))
	}
	if err == nil {
		err = p.seatAgents(first)
	}
	if err != nil || len(p.opts.Exclude)+len(p.opts.Tombstones) == 0 {
		return false, err
	}
	for e, err := range p.seats.All() {
		if err != nil {
			return false, err
		}
		if len(e.Value) == 0 {
			more = true
			if err := p.out.Put(e.Key, nil); err != nil {
				return false, err
			}
		}
	}
	return more, nil
}

// unseated notes such containers in seats, without a value; and in first what spaces and agents among them are a view of:
// the agent under its own key, the space under that of its record.
func (p *Part) unseated(ctx context.Context, first *diskmap.Map) (err error) {
	if p.seats != nil {
		err = p.seats.Close()
	}
	fresh, newErr := diskmap.New(p.opts.Dir)
	if p.seats = fresh; errors.Join(err, newErr) != nil {
		return errors.Join(err, newErr)
	}
	return p.each(ctx, func(r agentstate.Record) error {
		if !container(r) {
			return nil
		}
		of := r.GetMeta().GetViewOfKeys()
		stays, err := p.stays(r)
		if err != nil || !stays {
			return err
		}
		for _, base := range of {
			if gone, err := p.gone(base); err != nil || !gone {
				return err
			}
		}
		key := r.GetMeta().GetKey()
		switch r := r.(type) {
		case *pb.MemorySpace:
			err = first.Put(of[0], []byte(key))
		case *pb.Principal:
			if r.Form == pb.Principal_FORM_AGENT {
				err = first.Put(key, []byte(of[0]))
			}
		}
		return errors.Join(err, p.seats.Put(key, nil))
	})
}

// seatAgents makes an agent a view of what a space is a view of that both were known from: such a space is the agent's, too,
// where its owner is a person.
func (p *Part) seatAgents(first *diskmap.Map) error {
	for e, err := range first.All() {
		if err != nil {
			return err
		}
		if agentstate.KindOfKey(e.Key) != "principal" {
			continue
		}
		had, _, err := p.seats.Get(e.Key)
		if err != nil {
			return err
		} else if len(had) > 0 {
			continue
		}
		space, ok, err := first.Get(string(e.Value))
		if err != nil {
			return err
		} else if !ok {
			continue
		}
		seat, _, err := p.seats.Get(string(space))
		if err = errors.Join(err, p.seats.Put(e.Key, seat)); err != nil {
			return err
		}
	}
	return nil
}

// seat makes what r names a view of r, or of what r is a view of.
func (p *Part) seat(r agentstate.Record) (err error) {
	base := r.GetMeta().GetKey()
	if of := r.GetMeta().GetViewOfKeys(); len(of) > 0 {
		base = of[0]
		if v, ok, err := p.seats.Get(r.GetMeta().GetKey()); err != nil {
			return err
		} else if ok {
			base = string(v) // empty: nothing was found yet that names r
		}
	}
	if gone, err := p.gone(base); err != nil || gone || base == "" {
		return err
	}
	agentstate.Refs(r, func(field, to string) {
		if err != nil || field == "meta.view_of_keys" || !contains(agentstate.KindOfKey(to)) {
			return
		}
		if v, ok, e := p.seats.Get(to); e != nil || ok && len(v) == 0 {
			err = errors.Join(e, p.seats.Put(to, []byte(base)))
		}
	})
	return err
}

// gone tells whether what has this key is left out for Exclude or Only.
func (p *Part) gone(key string) (bool, error) {
	if _, out, err := p.out.Get(key); out || err != nil || p.in == nil {
		return out, err
	}
	_, in, err := p.in.Get(key)
	_, need, also := p.need.Get(key)
	return !in && !need, errors.Join(err, also)
}

// reseated is r, a view of what is there.
func (p *Part) reseated(r agentstate.Record) (agentstate.Record, error) {
	if p.seats == nil || p.seats.Len() == 0 || !container(r) {
		return r, nil
	}
	base, _, err := p.seats.Get(r.GetMeta().GetKey())
	if err != nil || len(base) == 0 {
		return r, err
	}
	out := proto.Clone(r).(agentstate.Record)
	out.GetMeta().ViewOfKeys = []string{string(base)}
	return out, nil
}
