package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// writer writes one run, or plans one. What it writes counts at once.
type writer struct {
	s   *Service
	c   *client
	run *replay.Run
	own bool // the state comes from AgentCore

	mu   sync.Mutex
	mems map[string]*place // by the id of the source's memory; "": where foreign state goes
	last *lately           // the record that was written last
	full bool              // a quota was reached: what it stopped waits

	engines   map[string]*engine           // by the id of the source's policy engine
	names     map[string]map[string]string // of definitions of the target, by sort and parent: name → id
	rewritten map[string][]fidelity.Loss   // what it costs a grant that its policy names another gateway
}

// lately is a record that the service may not list yet.
type lately struct{ mem, namespace, id string }

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

// Begin logs in. State of another runtime needs a memory to go into.
func (s *Service) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w := &writer{s: s, run: run, own: run.From.GetProduct() == "agentcore", mems: map[string]*place{},
		engines: map[string]*engine{}, names: map[string]map[string]string{}, rewritten: map[string][]fidelity.Loss{}}
	var err error
	if w.c, err = s.connect(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", replay.ErrTarget, err)
	}
	if !w.own && s.o.Memory == "" {
		return nil, fmt.Errorf("%w: agentcore: state of %s goes into one memory: write its id too, agentcore://%s/MEMORY-ID", replay.ErrTarget, run.From.GetProduct(), s.o.Region)
	}
	if s.o.Memory != "" {
		if _, err := w.existing(ctx, s.o.Memory); err != nil {
			return nil, fmt.Errorf("%w: %w", replay.ErrTarget, err)
		}
	}
	return w, nil
}

// Flush does nothing: what was written counts.
func (w *writer) Flush(context.Context) error { return nil }

// Close releases the writer.
func (w *writer) Close() error { return nil }

// Commit waits until the service lists what was written last: who reads back at once finds it all.
// A run that a quota has stopped in part does not count yet: the same command goes on with it.
func (w *writer) Commit(ctx context.Context) error {
	if w.full && !w.run.DryRun {
		return ErrQuota
	}
	if w.last == nil || w.run.DryRun {
		return nil
	}
	return w.settled(ctx, *w.last)
}

// Labels tells whether a memory record can be labelled: metadata has a place for it, in state of other
// runtimes.
func (w *writer) Labels(kind string) bool { return kind == "memory" && !w.own }

// Write writes one record.
func (w *writer) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	rcs, err := w.WriteBatch(ctx, []agentstate.Record{r})
	if err != nil {
		return replay.Receipt{}, err
	}
	return rcs[0], nil
}

func skip(why string) replay.Receipt   { return replay.Receipt{Action: replay.Skipped, Why: why} }
func refuse(why string) replay.Receipt { return replay.Receipt{Action: replay.Refused, Why: why} }

// comes answers for what is not written by itself, and is not lost.
func comes(why string) replay.Receipt {
	return replay.Receipt{Action: replay.Skipped, Why: why, NoLoss: true}
}

// no is the answer to a record that the service does not take. Where it has no more room the record
// waits, and the next attempt asks for it again.
func (w *writer) no(err *refused) replay.Receipt {
	if err.quota() {
		w.mu.Lock()
		w.full = true
		w.mu.Unlock()
		return replay.Receipt{Action: replay.Held, Why: whyQuota}
	}
	return refuse(err.Error())
}

const whyQuota = "a quota of the account is reached: have it raised, and run the same command again"

// closed is the answer to what belongs into a place that nothing can go into.
func closed(why string) replay.Receipt {
	if why == whyQuota {
		return replay.Receipt{Action: replay.Held, Why: why}
	}
	return refuse(why)
}

func loss(path string, g fidelity.Grade, why string) fidelity.Loss {
	return fidelity.Loss{Path: path, Grade: g, Why: why}
}

// WriteBatch writes records of one kind: memory records up to a hundred in one request, events
// session by session, several sessions at once.
func (w *writer) WriteBatch(ctx context.Context, rs []agentstate.Record) ([]replay.Receipt, error) {
	out := make([]replay.Receipt, len(rs))
	var err error
	switch rs[0].(type) {
	case *pb.Message:
		err = w.messages(ctx, rs, out)
	case *pb.Memory:
		err = w.memories(ctx, rs, out)
	default:
		for i, r := range rs {
			if out[i], err = w.one(ctx, r); err != nil {
				break
			}
		}
	}
	for i := range out {
		out[i].Key = rs[i].GetMeta().GetKey()
		for j := range out[i].Losses {
			out[i].Losses[j].Key = out[i].Key
		}
	}
	return out, err
}

func (w *writer) one(ctx context.Context, r agentstate.Record) (rc replay.Receipt, err error) {
	switch r := r.(type) {
	case *pb.MemorySpace:
		rc, err = w.space(ctx, r)
	case *pb.Principal:
		rc, err = w.principal(ctx, r)
	case *pb.Conversation:
		rc, err = w.conversation(ctx, r)
	default:
		rc, err = w.definition(ctx, r)
	}
	if w.own && len(r.GetMeta().GetLabels()) > 0 && (rc.Action == replay.Created || rc.Action == replay.Same) {
		rc.Losses = append(slices.Clip(rc.Losses), loss("meta.labels", fidelity.Dropped, "tags can give access by the policies of an account: a person sets them"))
	}
	return rc, err
}

// native is the document of r of type typ; nil: it has none.
func (w *writer) native(ctx context.Context, r agentstate.Record, typ string) (json.RawMessage, error) {
	if !w.own {
		return nil, nil
	}
	for _, n := range r.GetMeta().GetNative() {
		if n.GetType() == typ && n.GetData() != nil {
			return w.run.Source.Data(ctx, n.GetData())
		}
	}
	return nil, nil
}

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

// place makes the memory m, or finds it. To ask for it again with the token of this run is no
// harm: so a run that goes on knows its own.
func (w *writer) place(ctx context.Context, mem string, doc json.RawMessage, m *memoryDoc, s *pb.MemorySpace) (*place, replay.Receipt, error) {
	body, losses, no := createMemory(doc, m, token(w.run.ID, s.Meta.Key))
	rc := replay.Receipt{Action: replay.Created, Losses: append(losses, made(s)...)}
	var why *refused
	if w.s.o.Memory == "" && no == "" && !w.run.DryRun {
		have, err := w.c.createMemory(ctx, body)
		if err == nil {
			p := placeOf(have)
			p.match(m)
			rc.Target = memoryKey(have.ID)
			if p.fresh, err = w.c.empty(ctx, have.ID); passes(err) { // what is there is asked for again where it matters
				err = nil
			}
			return p, rc, err
		}
		if !errors.As(err, &why) || why.status >= 500 {
			return nil, rc, err
		}
	}
	id, err := w.twin(ctx, m)
	if err != nil {
		return nil, rc, err
	}
	if id != "" {
		return w.found(ctx, mem, id, s, m)
	}
	p := placeOf(&memoryDoc{})
	switch {
	case no != "":
		p.why = no
		return p, refuse(no), nil
	case why != nil && why.quota():
		p.why = whyQuota
		w.full = true // the lock is held
		return p, closed(whyQuota), nil
	case why != nil:
		p.why = why.Error()
		return p, refuse(p.why), nil
	}
	p.fresh = true
	for _, st := range m.Strategies {
		p.strategies[st.StrategyID], p.days[st.StrategyID] = st.StrategyID, st.RecordExpiryDays // as good as any: nothing is written
	}
	return p, rc, nil
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
