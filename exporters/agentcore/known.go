package agentcore

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
)

// known is what a session of the target holds.
type known struct {
	mu     sync.Mutex
	loaded bool
	events map[[32]byte][]string // digest of what an event says → ids
	times  map[int64]string      // milliseconds that are taken: two events of one have no order → id
	count  int
}

func (p *place) session(actor, id string) *known {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.sessions[actor+"\x00"+id]
	if k == nil {
		if len(p.sessions) > 4096 { // it is read again where it is needed again
			clear(p.sessions)
		}
		k = &known{events: map[[32]byte][]string{}, times: map[int64]string{}, loaded: p.fresh}
		p.sessions[actor+"\x00"+id] = k
	}
	return k
}

// load lists the events that are there. The lock of k is held.
func (k *known) load(ctx context.Context, c *client, mem, actor, id string) error {
	if k.loaded {
		return nil
	}
	err := c.listEvents(ctx, placed{mem, actor, id}, true, 100, func(doc json.RawMessage) error {
		var e event
		if err := json.Unmarshal(doc, &e); err != nil {
			return fmt.Errorf("%w: ListEvents", ErrSchema)
		}
		d := digest(&e)
		k.events[d] = append(k.events[d], e.EventID)
		k.times[nanos(e.EventTimestamp)/1e6] = e.EventID
		k.count++
		return nil
	})
	k.loaded = err == nil
	return err
}

// digest is of what an event says, without what the service makes.
func digest(e *event) [32]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d %q\n", nanos(e.EventTimestamp), e.Branch.name())
	for _, p := range e.Payload {
		fmt.Fprintf(h, "%s\n", canonical(p))
	}
	for _, k := range sortedKeys(e.Metadata) {
		fmt.Fprintf(h, "%q %s\n", k, canonical(e.Metadata[k]))
	}
	return [32]byte(h.Sum(nil))
}

// canonical is the same for two documents of one meaning; numbers stay as they are written.
func canonical(doc json.RawMessage) []byte {
	var v any
	d := json.NewDecoder(strings.NewReader(string(doc)))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return doc
	}
	b, err := json.Marshal(v)
	if err != nil {
		return doc
	}
	return b
}

// take finds an event that says what e says, and answers for it once: at its time, or where it, or an equal
// one, was moved to before. Without one, id is empty and at is free.
func (k *known) take(e event) (at int64, id string) {
	ms := nanos(e.EventTimestamp) / 1e6
	for at = ms; ; at++ {
		if at > ms {
			e.EventTimestamp = stamp(at)
		}
		d := digest(&e)
		if ids := k.events[d]; len(ids) > 0 {
			k.events[d] = ids[1:]
			return at, ids[0]
		}
		if !has(k.times, at) {
			return at, ""
		}
	}
}

// before is the last event of the session before a millisecond; empty: there is none.
func (k *known) before(ms int64) string {
	var last int64
	id := ""
	for at, x := range k.times {
		if at < ms && x != "" && (id == "" || at > last) {
			last, id = at, x
		}
	}
	return id
}
