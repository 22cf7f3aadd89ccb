package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// at is the position of a cursor: what was read whole. Listings are walked in sorted order, so that
// what comes after a position is the same in the next attempt.
type at struct {
	Control  bool   // the definitions are done
	Memory   string // done up to and with this one; with Inside only up to its actors
	Inside   bool
	Actor    string // of Memory, done up to this one
	Session  string // of Actor, done up to and with this one
	Relisted map[string]uint64
	Odd      map[string]string // kinds whose listing was not sound, and why
	Changed  uint64
}

// reading is one reading under way.
type reading struct {
	s   *Service
	c   *client
	e   *agentstate.Emitter
	pos at

	tools map[string]string // of gateways, by gateway and name as policies say it → key
	gaps  map[string]bool   // by kind and place
	lacks []string          // operations for other definitions that the endpoint does not have
	tags  []*pb.Label       // of the definition that is yielded next
}

// dataKinds are read out of memories, and counted by a second listing.
var dataKinds = [...]string{"memoryspace", "memory", "principal", "conversation", "message"}

// Records reads the definitions of the account, unless one memory was asked for, and then memory by
// memory: its spaces, its records, its actors and their sessions.
func (s *Service) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	if opts == nil {
		opts = &agentstate.ReadOptions{}
	}
	return func(yield func(agentstate.Record, error) bool) {
		c, err := s.connect(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		who, account := c.whoAmI(ctx)
		if ctx.Err() != nil {
			yield(nil, ctx.Err())
			return
		}
		r := &reading{s: s, c: c, tools: map[string]string{}, gaps: map[string]bool{}}
		r.e = agentstate.NewEmitter(ctx, yield, s.origin(account))
		if err := r.e.Resume(opts.Cursor, &r.pos); err != nil {
			r.e.Fail(err)
			return
		}
		if r.pos.Relisted == nil {
			r.pos.Relisted, r.pos.Odd = map[string]uint64{}, map[string]string{}
		}
		st := r.e.Statement()
		st.Observer, st.Account = who, account
		if who != "" {
			st.ObserverBasis = "sts:GetCallerIdentity"
		}
		err = r.all(ctx)
		st.Changed = r.pos.Changed
		if s.o.Memory == "" {
			st.Meta.Labels = append(st.Meta.Labels, &pb.Label{Name: "not_read", Value: strings.Join(slices.Sorted(maps.Keys(NotRead())), " ")})
		}
		c.mu.Lock()
		if c.clock.known {
			st.Meta.Labels = append(st.Meta.Labels, &pb.Label{Name: "clock_offset_seconds", Value: strconv.Itoa(int(c.clock.offset.Seconds()))})
		}
		c.mu.Unlock()
		r.facts()
		r.e.End(err)
	}
}

func (s *Service) origin(account string) *pb.Origin {
	place := s.o.Region
	if account != "" {
		place = account + "/" + place
	}
	if s.o.Memory != "" {
		place += "/" + s.o.Memory
	}
	return &pb.Origin{Meta: agentstate.Meta("origin", nil, "agentcore", place), Product: "agentcore", Flavor: "aws", Schema: "data=2024-02-28 control=2023-06-05", Location: place}
}

// whoAmI is the principal that reads, and its account; both may be unknown: it is asked of another
// service, which may not be there, or may know nothing of the login. What AgentCore says of it counts.
func (c *client) whoAmI(ctx context.Context) (arn, account string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, _ = c.call(ctx, "GetCallerIdentity", func(ctx context.Context) error {
		o, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err == nil && o.Arn != nil && o.Account != nil {
			arn, account = *o.Arn, *o.Account
		}
		return err
	})
	return arn, account
}

// put yields r, with what is large in it beside it.
func (r *reading) put(rec agentstate.Record) bool {
	blobs := map[string][]byte{}
	spill(rec, blobs)
	if len(blobs) > 0 {
		r.s.mu.Lock()
		r.s.blobs = blobs
		r.s.mu.Unlock()
	}
	return r.e.Put(rec)
}

// passes tells whether the reading goes on after err, with a gap.
func passes(err error) bool {
	var d *denied
	var no *refused
	return errors.As(err, &d) || errors.As(err, &no) || errors.Is(err, errLarge) || errors.Is(err, errCircle) || errors.Is(err, ErrSchema)
}

// gap names what a 403 or a refusal keeps away: of kind, and of those that are read by way of it. Any
// other error comes back.
func (r *reading) gap(kind, place string, err error, also ...string) error {
	g := &pb.Gap{Kind: kind, Place: place, Detail: err.Error()}
	var d *denied
	var no *refused
	switch {
	case errors.As(err, &d):
		g.Reason, g.Permission = pb.Gap_REASON_FORBIDDEN, d.permission()
	case errors.As(err, &no) && no.status == 404 && !no.unknown():
		g.Reason = pb.Gap_REASON_GONE
	case errors.As(err, &no):
		g.Reason = pb.Gap_REASON_REFUSED
	case errors.As(err, new(*lacking)):
		g.Reason = pb.Gap_REASON_REFUSED
	case errors.Is(err, ErrSchema):
		g.Reason = pb.Gap_REASON_CORRUPT
	case errors.Is(err, errLarge):
		g.Reason = pb.Gap_REASON_LIMIT
	case errors.Is(err, errCircle):
		g.Reason = pb.Gap_REASON_REFUSED
		r.pos.Odd[kind] = "a listing goes in a circle"
	default:
		return err
	}
	for _, k := range append([]string{kind}, also...) {
		at := k + "/" + place
		if r.gaps[at] { // what was said once of a place is enough
			continue
		}
		r.gaps[at] = true
		r.e.Gap(&pb.Gap{Kind: k, Place: place, Detail: g.Detail, Reason: g.Reason, Permission: g.Permission})
	}
	return nil
}

func (r *reading) all(ctx context.Context) error {
	if r.s.o.Memory == "" && !r.pos.Control {
		if err := r.control(ctx); err != nil || !r.e.OK() {
			return err
		}
		r.pos.Control = true
		if !r.e.Mark(r.pos) {
			return nil
		}
	}
	ids, err := r.memories(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if id < r.pos.Memory || id == r.pos.Memory && !r.pos.Inside {
			continue
		}
		if id != r.pos.Memory {
			if err := r.spaces(ctx, id); err != nil || !r.e.OK() {
				return err
			}
			r.pos.Memory, r.pos.Inside, r.pos.Actor, r.pos.Session = id, true, "", ""
			if !r.e.Mark(r.pos) {
				return nil
			}
		}
		if err := r.actors(ctx, id); err != nil || !r.e.OK() {
			return err
		}
		r.pos.Inside, r.pos.Actor, r.pos.Session = false, "", ""
		if !r.e.Mark(r.pos) {
			return nil
		}
	}
	return nil
}

// memories are the ids of what is to be read, sorted.
func (r *reading) memories(ctx context.Context) ([]string, error) {
	if r.s.o.Memory != "" {
		return []string{r.s.o.Memory}, nil
	}
	list := func(size int32) ([]string, error) {
		var ids []string
		err := r.c.listMemories(ctx, size, func(doc json.RawMessage) error {
			var m struct{ ID string }
			if err := json.Unmarshal(doc, &m); err != nil || m.ID == "" {
				return fmt.Errorf("%w: ListMemories: a memory without an id", ErrSchema)
			}
			ids = append(ids, m.ID)
			return nil
		})
		slices.Sort(ids)
		return slices.Compact(ids), err
	}
	ids, err := list(100)
	if err == nil {
		var again []string
		if again, err = list(7); err == nil && !slices.Equal(ids, again) {
			r.pos.Odd["memoryspace"] = "two listings of the memories differ"
		}
	}
	if err != nil {
		return nil, r.gap("memoryspace", "ListMemories", err, dataKinds[1:]...)
	}
	return ids, nil
}

// facts states what is known about the kinds that are read out of memories.
func (r *reading) facts() {
	for _, k := range dataKinds {
		f := r.e.Kind(k)
		f.Class = pb.KindCompleteness_CLASS_ENUMERATED
		if r.pos.Odd[k] == "" {
			f.Exhausted = true
			n := r.pos.Relisted[k]
			f.Relisted, f.RelistRoute = &n, "a second listing with pages of another size"
			if k == "memory" {
				f.RelistRoute = "the union over strategies and namespaces, with pages of another size"
			}
		} else {
			f.RelistRoute = r.pos.Odd[k]
		}
	}
	if r.s.o.Memory == "" {
		r.definitionFacts()
	}
	r.e.AbsentOthers()
}
