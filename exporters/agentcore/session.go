package agentcore

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"

	"github.com/exitramp/exitramp/internal/diskmap"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// holdSize is the most bytes of events of one session that are held in memory; beyond, they wait in
// a sealed temporary file. The service lists the newest first, and readers want the oldest first.
const holdSize = 4 << 20

// thread is one session, read whole.
type thread struct {
	actor, id string
	summary   json.RawMessage
	at        []stub // oldest first
	held      map[int]json.RawMessage
	disk      *diskmap.Map
	relisted  int
	changed   int
	odd       string // why its listing is not sound
	err       error
}

// stub is what is kept in memory of each event.
type stub struct {
	id, branch, root string
	nanos            int64
	n                int // place in the listing
}

func (t *thread) close() {
	if t.disk != nil {
		t.disk.Close()
	}
}

func (t *thread) doc(n int) (json.RawMessage, error) {
	if b, ok := t.held[n]; ok {
		return b, nil
	}
	b, ok, err := t.disk.Get(strconv.Itoa(n))
	if err == nil && !ok {
		err = errors.New("agentcore: a temporary file lost an event")
	}
	return b, err
}

// read lists the events twice: whole, and without payloads in pages of another size. Where the two
// differ the session has changed, and is read again.
func (c *client) read(ctx context.Context, mem, actor, id string) *thread {
	t := &thread{actor: actor, id: id}
	for try := 0; ; try++ {
		t.close()
		t.at, t.held, t.disk, t.odd = nil, map[int]json.RawMessage{}, nil, ""
		if t.err = c.readOnce(ctx, mem, t); t.err != nil || t.odd == "" {
			break
		}
		if try == 3 {
			if t.odd == oddNewer { // it is whole up to the newest event of its first listing
				t.odd = ""
				t.changed++
			}
			break
		}
		t.changed++
	}
	if t.err == nil && t.odd == "" {
		t.odd, t.err = c.hidden(ctx, mem, t)
	}
	return t
}

const (
	oddNewer  = "events were written while it was read"
	oddHidden = "an event is there, and is not listed"
)

// hidden looks for events at which branches start and that were not listed: they were deleted, or the
// listing leaves events out.
func (c *client) hidden(ctx context.Context, mem string, t *thread) (odd string, err error) {
	have := map[string]bool{"": true}
	for _, s := range t.at {
		have[s.id] = true
	}
	for _, s := range t.at {
		if have[s.root] {
			continue
		}
		have[s.root] = true
		_, err := c.call(ctx, "GetEvent", func(ctx context.Context) error {
			_, err := c.dp.GetEvent(ctx, &dp.GetEventInput{MemoryId: &mem, ActorId: &t.actor, SessionId: &t.id, EventId: &s.root})
			return err
		})
		switch {
		case err == nil:
			return oddHidden, nil
		case !gone(err):
			return "", err
		}
	}
	return "", nil
}

func (c *client) readOnce(ctx context.Context, mem string, t *thread) error {
	seen, size := map[string]bool{}, 0
	err := c.listEvents(ctx, placed{mem, t.actor, t.id}, true, 100, func(doc json.RawMessage) error {
		var e event
		if err := json.Unmarshal(doc, &e); err != nil || e.EventID == "" {
			return fmt.Errorf("%w: ListEvents: an event that is not one, in %s", ErrSchema, t.id)
		}
		if seen[e.EventID] {
			t.odd = "an event came twice"
			return nil
		}
		seen[e.EventID] = true
		s := stub{id: e.EventID, branch: e.Branch.name(), nanos: nanos(e.EventTimestamp), n: len(t.at)}
		if e.Branch != nil {
			s.root = e.Branch.RootEventID
		}
		t.at = append(t.at, s)
		return t.keep(s.n, doc, &size, c.hold)
	})
	if errors.Is(err, errCircle) {
		t.odd = "its listing goes in a circle"
		return nil
	}
	if err != nil {
		return err
	}
	// Newest first: the later in the list, the earlier it was. Other endpoints list the oldest first.
	order := -1
	if n := len(t.at); n > 0 && t.at[0].nanos < t.at[n-1].nanos {
		order = 1
	}
	slices.SortFunc(t.at, func(a, b stub) int { return cmp.Or(cmp.Compare(a.nanos, b.nanos), order*(a.n-b.n)) })
	again, newest := 0, int64(math.MinInt64)
	if n := len(t.at); n > 0 {
		newest = t.at[n-1].nanos
	}
	err = c.listEvents(ctx, placed{mem, t.actor, t.id}, false, 97, func(doc json.RawMessage) error {
		var e event
		if err := json.Unmarshal(doc, &e); err != nil {
			return fmt.Errorf("%w: ListEvents", ErrSchema)
		}
		if !seen[e.EventID] {
			if nanos(e.EventTimestamp) <= newest || newest == math.MinInt64 {
				t.odd = "its two listings differ"
			} else if t.odd == "" {
				t.odd = oddNewer
			}
			return nil
		}
		again++
		return nil
	})
	if errors.Is(err, errCircle) {
		t.odd = "its listing goes in a circle"
		return nil
	}
	if again != len(t.at) && (t.odd == "" || t.odd == oddNewer) {
		t.odd = "its two listings differ"
	}
	if len(t.at) == 0 && t.odd == "" {
		t.odd = "it is listed and has no events"
	}
	t.relisted = again
	return err
}

func (t *thread) keep(n int, doc json.RawMessage, size *int, hold int) error {
	if *size += len(doc); *size <= hold {
		t.held[n] = doc
		return nil
	}
	if t.disk == nil {
		var err error
		if t.disk, err = diskmap.New(""); err != nil {
			return err
		}
	}
	return t.disk.Put(strconv.Itoa(n), doc)
}
