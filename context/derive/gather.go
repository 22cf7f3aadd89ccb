package derive

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// held refuses to leave out what is under a legal hold.
func (p *Part) held(ctx context.Context) error {
	if len(p.opts.Holds) == 0 {
		return nil
	}
	kept, err := diskmap.New(p.opts.Dir)
	if err != nil {
		return err
	}
	defer kept.Close()
	if err := p.gather(ctx, kept, p.opts.Holds, nil, true); err != nil {
		return err
	}
	n, first := 0, ""
	err = p.each(ctx, func(r agentstate.Record) error {
		key := r.GetMeta().GetKey()
		_, out, err := p.out.Get(key)
		_, hold, also := kept.Get(key)
		if out && hold {
			if n++; first == "" {
				first = key
			}
		}
		return errors.Join(err, also)
	})
	if err == nil && n > 0 {
		err = fmt.Errorf("%w: %d records that would be left out, the first is %s; take it off one of the two lists", ErrHold, n, first)
	}
	return err
}

// gather puts into set what is of the subjects, and all that belongs to it. Of those in must there is
// something. With shared it gathers to keep, without to leave out: then what a view was read from goes
// with the view, and so do all other readings of it.
func (p *Part) gather(ctx context.Context, set *diskmap.Map, keys, must []string, shared bool) error {
	subjects, found := map[string]bool{}, map[string]bool{}
	for _, k := range keys {
		subjects[k] = true
	}
	for grew := true; grew; {
		grew = false
		err := p.each(ctx, func(r agentstate.Record) error {
			p.containers = p.containers || container(r)
			key := r.GetMeta().GetKey()
			if _, ok, err := set.Get(key); ok || err != nil {
				return err
			}
			who := of(r, subjects, shared)
			for _, s := range who {
				found[s] = true
			}
			take := len(who) > 0
			kind := agentstate.KindOf(r)
			agentstate.Refs(r, func(field, to string) { // what it belongs to may be gone itself
				if subjects[to] && ties(kind, field, to) {
					take, found[to] = true, true
				}
			})
			if !take {
				var err error
				if take, err = belongs(r, set); err != nil {
					return err
				}
			}
			if !take {
				return nil
			}
			grew = true
			if !shared && !container(r) { // what a view is a reading of holds the same words
				for _, base := range r.GetMeta().GetViewOfKeys() {
					if err := set.Put(base, nil); err != nil {
						return err
					}
				}
			}
			return set.Put(key, nil)
		})
		if err != nil {
			return err
		}
	}
	for _, s := range must {
		if !found[s] {
			return fmt.Errorf("%w: no record is of %s", ErrNothing, s)
		}
	}
	return nil
}

// of are the subjects that r is of by itself. Of a conversation that several people share, each is
// one with shared; without, it is of people who are all among the subjects.
func of(r agentstate.Record, subjects map[string]bool, shared bool) []string {
	var out []string
	add := func(key string) {
		if subjects[key] && !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	add(r.GetMeta().GetKey())
	for _, s := range r.GetMeta().GetSubjectKeys() {
		add(s)
	}
	switch r := r.(type) {
	case *pb.Conversation:
		others := false
		for _, k := range r.ParticipantKeys {
			others = others || agentstate.KindOfKey(k) == "principal" && !subjects[k]
		}
		if shared || !others {
			for _, k := range r.ParticipantKeys {
				add(k)
			}
		}
	case *pb.MemorySpace:
		add(r.OwnerKey)
	case *pb.Artifact:
		add(r.OwnerKey)
	case *pb.ToolGrant:
		add(r.PrincipalKey)
	case *pb.Credential:
		add(r.PrincipalKey)
	}
	return out
}

// belongs tells whether r goes with something in set.
func belongs(r agentstate.Record, set *diskmap.Map) (take bool, err error) {
	look := func(key string) {
		if key == "" || take || err != nil {
			return
		}
		_, take, err = set.Get(key)
	}
	kind := agentstate.KindOf(r)
	agentstate.Refs(r, func(field, key string) {
		if ties(kind, field, key) {
			look(key)
		}
	})
	cites(r, look)
	return take, err
}

// ties tells whether a record is part of what it names in field: to.
func ties(kind, field, to string) bool {
	if agentstate.IsHard(kind, field) {
		return true
	}
	switch field {
	case "meta.view_of_keys":
		return !contains(kind) || contains(agentstate.KindOfKey(to))
	case "of_key", "about_keys", "conversation_key", "checkpoint_key", "space_key", "suite_key", "case_key":
		return true
	case "from_key", "to_key":
		return kind == "relation"
	}
	return false
}

// cites calls f for every record that bytes of r are held in.
func cites(r agentstate.Record, f func(key string)) {
	at := func(s string) {
		if key, _, ok := strings.Cut(s, "#"); ok {
			f(key)
		}
	}
	for _, n := range r.GetMeta().GetNative() {
		for _, c := range n.GetRow().GetColumns() {
			at(c.GetAt())
			for _, piece := range c.GetSplice().GetPieces() {
				at(piece.GetAt())
			}
		}
	}
}

// parents notes what kept records belong to by a hard reference: it is kept with them.
func (p *Part) parents(ctx context.Context) error {
	if p.in == nil && p.opts.Keep == nil {
		return nil
	}
	kept := false
	err := p.each(ctx, func(r agentstate.Record) error {
		ok, err := p.chosen(r)
		if err != nil || !ok {
			return err
		}
		kept = true
		kind := agentstate.KindOf(r)
		agentstate.Refs(r, func(field, key string) {
			if err == nil && agentstate.IsHard(kind, field) {
				err = p.need.Put(key, nil)
			}
		})
		cites(r, func(key string) {
			if err == nil && key != "" {
				err = p.need.Put(key, nil)
			}
		})
		return err
	})
	if err == nil && !kept {
		return fmt.Errorf("%w: no record is kept", ErrNothing)
	}
	return err
}
