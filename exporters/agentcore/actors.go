package agentcore

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// twice lists the same thing in pages of two sizes. The documents are by id; odd says how the two
// differ.
func twice(id string, list func(size int32, each func(json.RawMessage) error) error) (docs map[string]json.RawMessage, again int, odd string, err error) {
	docs = map[string]json.RawMessage{}
	err = list(100, func(doc json.RawMessage) error {
		name, err := field(doc, id)
		if err != nil {
			return err
		}
		if docs[name] != nil {
			odd = "an entry came twice"
		}
		docs[name] = doc
		return nil
	})
	if err != nil {
		return docs, 0, "", err
	}
	second := map[string]bool{}
	err = list(61, func(doc json.RawMessage) error {
		name, err := field(doc, id)
		if err != nil {
			return err
		}
		if docs[name] == nil {
			odd = "two listings differ"
		}
		second[name] = true
		return nil
	})
	if len(second) != len(docs) {
		odd = "two listings differ"
	}
	return docs, len(second), odd, err
}

func field(doc json.RawMessage, name string) (string, error) {
	var m map[string]json.RawMessage
	var v string
	if err := json.Unmarshal(doc, &m); err == nil && json.Unmarshal(m[name], &v) == nil && v != "" {
		return v, nil
	}
	return "", fmt.Errorf("%w: an entry without %s", ErrSchema, name)
}

// actors reads the actors of a memory and their sessions. Sessions are read ahead, several at once,
// and come out in order.
func (r *reading) actors(ctx context.Context, mem string) error {
	docs, again, odd, err := twice("actorId", func(size int32, each func(json.RawMessage) error) error {
		return r.c.listActors(ctx, mem, size, each)
	})
	if odd != "" {
		r.pos.Odd["principal"] = odd
	}
	if err != nil {
		return r.gap("principal", mem+"/actors", err, "conversation", "message")
	}
	if r.pos.Actor == "" {
		r.pos.Relisted["principal"] += uint64(again)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for t := range ahead(ctx, r.s.o.Parallel, r.jobs(ctx, mem, docs)) {
		ok, err := r.thread(mem, t)
		t.close()
		if err != nil || !ok {
			cancel() // before what reads ahead is waited for
			return err
		}
	}
	return ctx.Err()
}

// job is an actor, or one of its sessions.
type job func() *thread

// jobs lists the sessions actor by actor. It runs ahead of what is written.
func (r *reading) jobs(ctx context.Context, mem string, docs map[string]json.RawMessage) iter.Seq[job] {
	from, after := r.pos.Actor, r.pos.Session
	type listing struct {
		docs  map[string]json.RawMessage
		again int
		odd   string
		err   error
	}
	return func(yield func(job) bool) {
		var names []string
		for _, a := range sortedKeys(docs) {
			if a >= from {
				names = append(names, a)
			}
		}
		// The sessions of some actors are listed ahead too.
		lists := make([]chan listing, len(names))
		next := 0
		start := func(upTo int) {
			for ; next < min(upTo, len(names)); next++ {
				ch, a := make(chan listing, 1), names[next]
				lists[next] = ch
				go func() {
					var l listing
					l.docs, l.again, l.odd, l.err = twice("sessionId", func(size int32, each func(json.RawMessage) error) error {
						return r.c.listSessions(ctx, mem, a, size, each)
					})
					ch <- l
				}()
			}
		}
		for i, a := range names {
			start(i + r.s.o.Parallel)
			l := <-lists[i]
			lists[i] = nil
			done := a == from // the actor itself came in an earlier attempt
			if !done && !yield(func() *thread {
				t := &thread{actor: a, summary: docs[a], relisted: l.again, odd: l.odd, err: l.err}
				if len(l.docs) == 0 && l.err == nil && l.odd == "" {
					t.odd = "an actor without sessions"
				}
				return t
			}) {
				return
			}
			for _, id := range sortedKeys(l.docs) {
				if done && id <= after {
					continue
				}
				if !yield(func() *thread {
					t := r.c.read(ctx, mem, a, id)
					t.summary = l.docs[id]
					return t
				}) {
					return
				}
			}
		}
	}
}

// ahead runs jobs, n at once, and yields what they give in order.
func ahead(ctx context.Context, n int, jobs iter.Seq[job]) iter.Seq[*thread] {
	return func(yield func(*thread) bool) {
		queue := make(chan chan *thread, n)
		stop := make(chan struct{})
		go func() {
			defer close(queue)
			for j := range jobs {
				ch := make(chan *thread, 1)
				select {
				case queue <- ch:
				case <-stop:
					return
				}
				go func() { ch <- j() }()
			}
		}()
		defer func() {
			close(stop)
			for ch := range queue { // so that no temporary file stays
				(<-ch).close()
			}
		}()
		for ch := range queue {
			if !yield(<-ch) {
				return
			}
		}
	}
}

// thread yields an actor, or a session with its events, and marks the place.
func (r *reading) thread(mem string, t *thread) (ok bool, err error) {
	if t.err != nil && !passes(t.err) { // nothing of it is yielded by half
		return false, t.err
	}
	who := agentstate.Key("principal", mem, t.actor)
	if t.id == "" {
		p := &pb.Principal{Meta: agentstate.Meta("principal", agentstate.Document("ActorSummary", "application/json", t.summary), mem, t.actor), Subject: t.actor}
		p.Meta.SubjectKeys = []string{who}
		if t.odd != "" {
			r.pos.Odd["conversation"], r.pos.Odd["message"] = t.odd, t.odd
		}
		r.pos.Relisted["conversation"] += uint64(t.relisted)
		if !r.put(p) {
			return false, nil
		}
		if t.err != nil {
			if err := r.gap("conversation", mem+"/"+t.actor, t.err, "message"); err != nil {
				return false, err
			}
		}
		r.pos.Actor, r.pos.Session = t.actor, ""
		return r.e.OK(), nil
	}
	if t.odd != "" {
		r.pos.Odd["message"] = t.odd
	}
	r.pos.Changed += uint64(t.changed)
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", agentstate.Document("SessionSummary", "application/json", t.summary), mem, t.actor, t.id), ParticipantKeys: []string{who}}
	var sum struct{ CreatedAt moment }
	_ = json.Unmarshal(t.summary, &sum)
	c.Meta.CreatedUnixNano = nanos(sum.CreatedAt)
	c.Meta.SubjectKeys = []string{who}
	parents := t.heads(mem, c)
	if len(c.Branches) > 1 {
		var err error
		if c.ContextKeys, err = t.context(mem, c.HeadKey, parents); err != nil {
			return false, err
		}
	}
	if !r.put(c) {
		return false, nil
	}
	if t.err != nil {
		if err := r.gap("message", mem+"/"+t.actor+"/"+t.id, t.err, "conversation"); err != nil {
			return false, err
		}
	} else if ok, err := r.events(mem, t, parents); err != nil || !ok {
		return false, err
	}
	r.pos.Actor, r.pos.Session = t.actor, t.id
	return r.e.Mark(r.pos), nil
}

// heads sets where the branches of a session end, and gives the parent of each event.
func (t *thread) heads(mem string, c *pb.Conversation) []string {
	parents, head := make([]string, len(t.at)), map[string]string{}
	var names []string
	for i, s := range t.at {
		key := messageKey(mem, t.actor, t.id, s.id, 0)
		if h, ok := head[s.branch]; ok {
			parents[i] = h
		} else {
			names = append(names, s.branch)
			if s.root != "" {
				parents[i] = messageKey(mem, t.actor, t.id, s.root, 0)
			}
		}
		head[s.branch] = key
	}
	for _, n := range names {
		c.Branches = append(c.Branches, &pb.Branch{Name: n, HeadKey: head[n]})
	}
	c.HeadKey = head["main"]
	if c.HeadKey == "" && len(names) > 0 {
		c.HeadKey = head[names[0]]
	}
	if len(names) == 1 && names[0] == "main" {
		c.Branches = nil
	}
	return parents
}

// maxContext is the length above which a context is not listed: it is the path to the head anyway.
const maxContext = 10_000

// context are the messages on the path to head, in order: a session with branches holds others too,
// and what is written of it elsewhere, in files of one line after the other, must not mix them.
func (t *thread) context(mem, head string, parents []string) ([]string, error) {
	at := make(map[string]int, len(t.at))
	for i, s := range t.at {
		at[messageKey(mem, t.actor, t.id, s.id, 0)] = i
	}
	var path []int
	for i, ok := at[head]; ok && len(path) < min(len(t.at), maxContext+1); i, ok = at[parents[i]] {
		path = append(path, i)
	}
	var keys []string
	for _, i := range slices.Backward(path) {
		doc, err := t.doc(t.at[i].n)
		if err != nil {
			return nil, err
		}
		e := event{}
		if json.Unmarshal(doc, &e) != nil {
			return nil, nil // said where it is read
		}
		e.ActorID, e.SessionID = t.actor, t.id
		for _, m := range messages(mem, doc, &e, parents[i], 0) {
			keys = append(keys, m.Meta.Key)
		}
	}
	if len(keys) > maxContext {
		return nil, nil
	}
	return keys, nil
}

// events yields the events of a session, the oldest first.
func (r *reading) events(mem string, t *thread, parents []string) (bool, error) {
	for i, s := range t.at {
		doc, err := t.doc(s.n)
		if err != nil {
			return false, err
		}
		var e event
		if err := json.Unmarshal(doc, &e); err != nil {
			return false, fmt.Errorf("%w: ListEvents: an event of %s", ErrSchema, t.id)
		}
		e.ActorID, e.SessionID = t.actor, t.id
		ms := messages(mem, doc, &e, parents[i], uint64(i+1))
		for _, m := range ms {
			if !r.put(m) {
				return false, nil
			}
		}
		if i < t.relisted {
			r.pos.Relisted["message"] += uint64(len(ms))
		}
	}
	return true, nil
}
