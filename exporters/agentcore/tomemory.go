package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// existing is a memory of the target, by its id.
func (w *writer) existing(ctx context.Context, id string) (*memoryDoc, error) {
	doc, err := w.c.getMemory(ctx, id)
	if err != nil {
		return nil, err
	}
	var m memoryDoc
	if err := json.Unmarshal(doc, &m); err != nil {
		return nil, fmt.Errorf("%w: GetMemory: %s", ErrSchema, id)
	}
	return &m, nil
}

func placeOf(m *memoryDoc) *place {
	p := &place{id: m.ID, strategies: map[string]string{}, types: map[string]string{}, days: map[string]uint64{}, sessions: map[string]*known{}, records: map[string]map[string][]string{}}
	for _, s := range m.Strategies {
		p.types[s.Name+"\x00"+s.Type] = s.StrategyID
	}
	return p
}

// at finds where the state of the source's memory goes. A run that goes on finds it in the journal.
func (w *writer) at(ctx context.Context, mem string) (*place, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.mems[mem]; p != nil {
		return p, nil
	}
	id := w.s.o.Memory
	if id != "" && w.own {
		id = ""
	} else if id == "" {
		if key, ok := w.run.Target(memoryKey(mem)); ok {
			_, parts := agentstate.SplitKey(key)
			id = parts[0]
		}
	}
	if id == "" { // actors come before their memory in an archive
		p, _, err := w.ensure(ctx, mem, nil)
		return p, err
	}
	m, err := w.existing(ctx, id)
	if err != nil {
		return nil, err
	}
	p := placeOf(m)
	if w.own && mem != "" {
		if err := w.pair(ctx, p, mem); err != nil {
			return nil, err
		}
	}
	w.mems[mem] = p
	return p, nil
}

// pair finds the target's strategies of the source's memory, by name and type.
func (w *writer) pair(ctx context.Context, p *place, mem string) error {
	if w.run.Source.Get == nil {
		return nil
	}
	r, err := w.run.Source.Get(ctx, memoryKey(mem))
	if errors.Is(err, agentstate.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	doc, err := w.native(ctx, r, "Memory")
	var m memoryDoc
	if err != nil || doc == nil || json.Unmarshal(doc, &m) != nil {
		return err
	}
	p.match(&m)
	return nil
}

func (p *place) match(from *memoryDoc) {
	for _, s := range from.Strategies {
		if id, ok := p.types[s.Name+"\x00"+s.Type]; ok {
			p.strategies[s.StrategyID], p.days[id] = id, s.RecordExpiryDays
		}
	}
}

// space writes a memory. Its strategies come with it, and namespaces with their first record.
func (w *writer) space(ctx context.Context, s *pb.MemorySpace) (replay.Receipt, error) {
	_, parts := agentstate.SplitKey(s.Meta.Key)
	if !w.own {
		return comes("namespaces come into being with their records"), nil
	}
	if len(parts) > 1 {
		return w.view(ctx, s, parts)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, rc, err := w.ensure(ctx, parts[0], s)
	return rc, err
}

// ensure finds or makes the memory of the target that the source's memory mem becomes, and the
// answer to its record. The lock is held.
func (w *writer) ensure(ctx context.Context, mem string, s *pb.MemorySpace) (*place, replay.Receipt, error) {
	if p := w.mems[mem]; p != nil && p.answer.Action != 0 {
		return p, p.answer, nil
	}
	none := &place{why: "its memory was not written"}
	if s == nil {
		if w.run.Source.Get == nil {
			return none, replay.Receipt{}, nil
		}
		r, err := w.run.Source.Get(ctx, memoryKey(mem))
		if errors.Is(err, agentstate.ErrNotFound) {
			return none, replay.Receipt{}, nil
		}
		if err != nil {
			return nil, replay.Receipt{}, err
		}
		var ok bool
		if s, ok = r.(*pb.MemorySpace); !ok {
			return none, replay.Receipt{}, nil
		}
	}
	doc, err := w.native(ctx, s, "Memory")
	if err != nil {
		return nil, replay.Receipt{}, err
	}
	var m memoryDoc
	if err := json.Unmarshal(doc, &m); doc == nil || err != nil || m.Name == "" {
		return none, refuse("its native form is no Memory"), nil
	}
	p, rc, err := w.place(ctx, mem, doc, &m, s)
	if err != nil {
		return nil, rc, err
	}
	p.answer = rc
	w.mems[mem] = p
	return p, rc, nil
}

// place is a memory of the target.
type place struct {
	id         string            // empty: a plan that would make it
	strategies map[string]string // id in the source → id here
	types      map[string]string // name of a strategy here → id
	days       map[string]uint64 // id of a strategy here → days until a record of the source's expires
	fresh      bool              // made by this attempt, or by a plan: it holds nothing else
	why        string            // why nothing can go there; empty: it can
	answer     replay.Receipt    // to the record of the memory
	full       atomic.Bool       // a quota was reached while it was written

	mu       sync.Mutex
	sessions map[string]*known // by actor and session
	records  map[string]map[string][]string
	actors   map[string]bool // nil: not listed
}

// made are the fields of a new memory that are the service's own.
func made(s *pb.MemorySpace) []fidelity.Loss {
	return []fidelity.Loss{
		loss("native", fidelity.Transformed, "the service makes ids and dates of its own"),
		loss("meta.created_unix_nano", fidelity.Defaulted, "the date of the copy"),
		loss("meta.updated_unix_nano", fidelity.Defaulted, "the date of the copy"),
	}
}

// twin is the id of the target's memory that m becomes; empty: there is none yet.
func (w *writer) twin(ctx context.Context, m *memoryDoc) (string, error) {
	if w.s.o.Memory != "" {
		return w.s.o.Memory, nil
	}
	id := ""
	err := w.c.listMemories(ctx, 100, func(doc json.RawMessage) error {
		x, err := field(doc, "id")
		if err == nil && len(x) == len(m.Name)+11 && x[:len(m.Name)+1] == m.Name+"-" {
			id = x
		}
		return err
	})
	return id, err
}

// found answers for a memory that is there.
func (w *writer) found(ctx context.Context, mem, id string, s *pb.MemorySpace, m *memoryDoc) (*place, replay.Receipt, error) {
	have, err := w.existing(ctx, id)
	if err != nil {
		return nil, replay.Receipt{}, err
	}
	p := placeOf(have)
	p.match(m)
	if w.s.o.Memory != "" {
		for from := range w.mems {
			if from != mem {
				p.why = "the URL names one memory, and another one goes into it: replay each by itself, or leave the id out"
				return p, refuse(p.why), nil
			}
		}
	}
	rc := replay.Receipt{Action: replay.Same, Target: memoryKey(id), Losses: made(s)}
	diff := differs(m, have)
	if len(diff) > 0 && w.s.o.Memory == "" {
		p.why = "its memory is another one in the target"
		return p, replay.Receipt{Action: replay.Conflict, Why: fmt.Sprintf("a memory of this name is there, and differs in %v: rename one of them, or write the id of a memory in the URL", diff)}, nil
	}
	if len(diff) > 0 {
		for _, f := range []string{"path", "ttl_seconds", "settings"} {
			rc.Losses = append(rc.Losses, loss(f, fidelity.Defaulted, "the memory of the URL keeps its own settings"))
		}
	}
	return p, rc, nil
}
