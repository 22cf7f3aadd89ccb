package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

var errEnough = errors.New("agentcore: enough")

// Preflight says who reads, what memories and actors there are, what is closed, and how many requests an
// export makes at least. It lists memories, actors and, as far as a hundred requests go, sessions; it asks for
// the first of each sort of definition, and for no content of a memory.
func (s *Service) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	who, account := c.whoAmI(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	p := &agentstate.Preflight{Origin: s.origin(account), Observer: who, Counts: map[string]int64{},
		Never: []string{"embeddings", "client secrets, API keys, users' tokens", "when a single record expires: no listing says it", "which events a record was made from"}}
	if s.o.Memory == "" {
		p.Never = append(p.Never, "live sessions of browsers, code interpreters and payments; results of evaluations, tests, extractions and policy generations: they are not read")
	}
	b := &prober{c: c, p: p, need: map[string]int{}, asks: maxAsks}
	ids := []string{s.o.Memory}
	if s.o.Memory == "" {
		ids = nil
		ok, err := b.open("memoryspace", "ListMemories", c.listMemories(ctx, 100, func(doc json.RawMessage) error {
			id, err := field(doc, "id")
			ids = append(ids, id)
			return err
		}))
		if err != nil {
			return nil, err
		}
		if ok {
			b.need["ListMemories"] = pagesOf(len(ids), 100) + pagesOf(len(ids), 7)
		}
	}
	for _, id := range ids {
		if err := b.memory(ctx, id, id == s.o.Memory); err != nil {
			return nil, err
		}
	}
	if s.o.Memory == "" {
		if err := b.definitions(ctx); err != nil {
			return nil, err
		}
	}
	b.counted()
	p.Effort = s.effort(b.need)
	p.Notes = append(p.Notes, "this driver has never run against the real service: it is tested against a fake that says how each of its facts is known")
	return p, nil
}

// A prober asks, and notes in a preflight what is there and what is closed.
type prober struct {
	c *client
	p *agentstate.Preflight

	need     map[string]int // how many requests of each operation an export makes at least
	asks     int            // how many more requests may count sessions
	sessions int            // that were seen
	uncount  int            // actors whose sessions were not all counted
}

// open tells whether what was asked for has answered; what is closed is a gap, and other errors come back.
func (b *prober) open(kind, place string, err error) (bool, error) {
	if err == nil || errors.Is(err, errEnough) {
		return true, nil
	}
	g := unread(kind, place, err)
	if g == nil {
		return false, err
	}
	b.p.Gaps = append(b.p.Gaps, g)
	return false, nil
}

// memory asks for the first of what is in a memory; named: a person gave its id.
func (b *prober) memory(ctx context.Context, id string, named bool) error {
	c, p := b.c, b.p
	doc, err := c.getMemory(ctx, id)
	if gone(err) && named {
		return fmt.Errorf("%w: write one that ListMemories gives, or leave it out", err)
	}
	if ok, err := b.open("memoryspace", id, err); err != nil {
		return err
	} else if ok {
		var m memoryDoc
		if err := json.Unmarshal(doc, &m); err != nil {
			return fmt.Errorf("%w: GetMemory: %s", ErrSchema, id)
		}
		p.Counts["memoryspace"] += int64(1 + len(m.Strategies))
		b.need["GetMemory"]++
		if m.Status != "ACTIVE" {
			p.Notes = append(p.Notes, fmt.Sprintf("memory %s is %s", id, m.Status))
		}
		if len(m.Strategies) > 0 {
			p.Notes = append(p.Notes, fmt.Sprintf("memory %s extracts records from new events: stop writers before the export, or what they say last may not be remembered in it", id))
		}
	}
	first := func(kind string) func(json.RawMessage) error {
		return func(json.RawMessage) error {
			p.Counts[kind] = -1
			return errEnough
		}
	}
	if ok, err := b.open("memory", id+"/*", c.listRecords(ctx, id, scope{path: "/"}, 1, first("memory"))); err != nil {
		return err
	} else if ok {
		b.need["ListMemoryRecords"] += 2
	}
	var actors []string
	ok, err := b.open("principal", id+"/actors", c.listActors(ctx, id, 100, func(doc json.RawMessage) error {
		p.Counts["principal"]++
		actor, err := field(doc, "actorId")
		actors = append(actors, actor)
		return err
	}))
	if err != nil || !ok {
		return err
	}
	b.need["ListActors"] += pagesOf(len(actors), 100) + pagesOf(len(actors), 61)
	at, err := b.count(ctx, id, actors)
	if err != nil || at.session == "" {
		return err
	}
	_, err = b.open("message", id+"/*", c.listEvents(ctx, at, false, 1, first("message")))
	return err
}

// unread is the gap where err is about one listing or definition; nil: it is about all of them.
func unread(kind, place string, err error) *pb.Gap {
	var d *denied
	var no *refused
	g := &pb.Gap{Kind: kind, Place: place, Detail: err.Error()}
	switch {
	case errors.As(err, &d):
		g.Reason, g.Permission = pb.Gap_REASON_FORBIDDEN, d.permission()
	case errors.As(err, &no) && no.status == 404 && !no.unknown():
		g.Reason = pb.Gap_REASON_GONE
	case errors.As(err, &no), errors.As(err, new(*lacking)), errors.Is(err, errCircle):
		g.Reason = pb.Gap_REASON_REFUSED
	case errors.Is(err, ErrSchema):
		g.Reason = pb.Gap_REASON_CORRUPT
	case errors.Is(err, errLarge):
		g.Reason = pb.Gap_REASON_LIMIT
	default:
		return nil
	}
	return g
}

// definitions asks for the first definition of each sort, and of what is inside of it. Operations
// that the endpoint does not have are one finding.
func (b *prober) definitions(ctx context.Context) error {
	c := b.c
	sorts := c.sorts()
	var lacks []string
	said := map[string]bool{}
	once := func(kind, place string, err error) error { // the same is asked for of every sort
		if err == nil || said[place] {
			return nil
		}
		said[place] = true
		_, err = b.open(kind, place, err)
		return err
	}
	first := func(s sort, parent string) (string, error) {
		id := ""
		err := c.list(ctx, s, parent, 1, func(doc json.RawMessage) (err error) {
			b.p.Counts[s.kind] = -1
			if s.id == "" {
				return errEnough
			}
			if id, err = field(doc, s.id); err == nil {
				err = errEnough
			}
			return err
		})
		var no *refused
		if s.kind == "opaque" && s.name != "PolicyEngine" && errors.As(err, &no) && no.unknown() {
			lacks = append(lacks, s.op)
			return "", nil
		}
		ok, err := b.open(s.kind, s.op, err)
		if ok {
			b.need[s.op] += 2
		}
		if !ok || id == "" {
			return "", err
		}
		b.need[s.operation()]++
		doc, err := c.get(ctx, s, parent, id)
		if err == nil {
			if err := c.probeAround(ctx, s, doc, once); err != nil {
				return "", err
			}
		}
		return id, once(s.kind, s.operation(), err)
	}
	for _, s := range sorts {
		if s.inside {
			continue
		}
		id, err := first(s, "")
		if err != nil {
			return err
		}
		for _, x := range sorts {
			if id != "" && slices.Contains(s.below, x.name) {
				if _, err := first(x, id); err != nil {
					return err
				}
			}
		}
	}
	if len(lacks) > 0 {
		slices.Sort(lacks)
		_, err := b.open("opaque", "operations", &lacking{lacks})
		return err
	}
	return nil
}

// probeAround asks for what belongs to a definition and is not in it.
func (c *client) probeAround(ctx context.Context, s sort, doc json.RawMessage, probe func(kind, place string, err error) error) error {
	_, err := c.tagsOf(ctx, s, doc)
	if err := probe(s.kind, "ListTagsForResource", err); err != nil {
		return err
	}
	_, _, err = c.policyOf(ctx, s, doc)
	return probe("policy", "GetResourcePolicy", err)
}
