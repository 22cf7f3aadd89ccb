package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

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

// whyLabels says why labels are not written: they are tags, or say of a policy that nobody knows whether it decides.
const whyLabels = "tags can give access by the policies of an account, and whether a policy decided is of the moment it was read: a person sets them"

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
		rc.Losses = append(slices.Clip(rc.Losses), loss("meta.labels", fidelity.Dropped, whyLabels))
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
