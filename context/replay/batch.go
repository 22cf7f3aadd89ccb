package replay

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
)

// A batch is read before it is written, so that the journal goes to the disk once for all of it.
const (
	batchRecords = 512
	batchBytes   = 4 << 20
)

// pending is a record of a batch, and what is known of it before it is written.
type pending struct {
	rec      agentstate.Record
	out      agentstate.Record // rec as the target is to see it
	losses   []fidelity.Loss   // of rec, in out
	labelled bool              // as imported
	approval *Approval         // that lets it through
	answer   *Receipt          // of the guard, or of an earlier attempt; nil: the target is asked
	noted    bool              // the journal has the answer
	prior    *receipt          // what an earlier attempt was told, and the target may have lost
}

// batch is what was gathered and is to be written.
type batch struct {
	ps      []pending
	keys    map[string]bool // of ps, but for those of which the journal has an intent
	doubt   map[string]bool // of keys, what an earlier attempt may have written
	intents bool            // there are some
	synced  <-chan error    // says when they are on the disk; nil: there are none
}

// flush makes a batch of what was gathered, and writes the one before it: while one is written, the
// intents of the next go to the disk.
func (a *apply) flush(ctx context.Context) error {
	if len(a.gathered) == 0 {
		return nil
	}
	b, err := a.sort(ctx)
	if err == nil {
		err = a.guard.gone.failed()
	}
	if err != nil {
		return err
	}
	if b.intents {
		if err := a.journal.flush(); err != nil {
			return err
		}
		b.synced = a.journal.syncing()
	}
	before := a.next
	a.next, a.gathered, a.bytes = b, make([]agentstate.Record, 0, len(a.gathered)), 0
	return a.carry(ctx, before)
}

// drain writes all that was gathered.
func (a *apply) drain(ctx context.Context) error {
	if err := a.flush(ctx); err != nil {
		return err
	}
	b := a.next
	a.next = nil
	return a.carry(ctx, b)
}

// carry writes a batch; nil: none.
func (a *apply) carry(ctx context.Context, b *batch) error {
	if b == nil {
		return nil
	}
	if b.synced != nil {
		if err := <-b.synced; err != nil { // before the first of them is written
			return err
		}
	}
	a.doubt = b.doubt
	for i := 0; i < len(b.ps); {
		n, err := a.some(ctx, b.ps[i:])
		if err != nil {
			return err
		}
		i += n
	}
	if a.journal == nil || a.journal.ended {
		return nil
	}
	if f, ok := a.w.(Flusher); ok {
		if err := f.Flush(ctx); err != nil {
			return a.fail(ErrTarget, err)
		}
		return a.journal.write(line{Flushed: true})
	}
	return nil
}

// sort finds out what is known of each record that was gathered, and gives the journal the intents that are
// needed. The batch before is not written yet: what its answers change for these, the guard is asked for when it is their turn.
func (a *apply) sort(ctx context.Context) (*batch, error) {
	b := &batch{ps: make([]pending, 0, len(a.gathered)), keys: map[string]bool{}, doubt: map[string]bool{}}
	var before map[string]bool
	if a.next != nil {
		before = a.next.keys
	}
	for _, r := range a.gathered {
		key := r.GetMeta().GetKey()
		p, intended := pending{rec: r, out: r}, false
		e, dup, err := a.known(key)
		if err != nil {
			return nil, err
		}
		switch {
		case dup || b.keys[key] || before[key]:
			p.answer, p.noted = &Receipt{Key: key, Action: Refused, Why: "a second record under this key"}, true
		case e != nil && e.done != nil && a.journal.settled(e):
			rc, err := e.done.receipt()
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrJournal, err)
			}
			p.answer, p.noted = &rc, true
			a.rep.Resumed++
		case a.journal != nil && a.journal.ended:
			return nil, fmt.Errorf("%w: %s has ended, and does not know %s", ErrJournal, a.journal.path, key)
		default:
			if rc, stop := a.stop(r); stop {
				p.answer = &rc
				if err := a.waiting(ctx, r, rc); err != nil {
					return nil, err
				}
			} else if err := a.rename(&p); err != nil {
				return nil, err
			} else if p.answer != nil {
			} else if e != nil && (e.done == nil || e.done.Action != Held.String() && !(e.at < a.journal.counts && e.done.open())) {
				if b.doubt[key] = a.mayBe(e); b.doubt[key] {
					p.prior = e.done
				}
			} else if a.journal != nil {
				l := line{Intent: strings.Clone(key)} // it may be a piece of all that its record holds
				if as := p.out.GetMeta().GetKey(); as != key {
					l.As = strings.Clone(as)
				}
				if err := a.journal.add(l); err != nil {
					return nil, err
				}
				b.intents, intended = true, true
			}
		}
		if p.answer != nil {
			a.guard.note(*p.answer)
		}
		if !intended {
			b.keys[key] = true
		}
		b.ps = append(b.ps, p)
	}
	return b, nil
}

// waiting tells of a record that waits for an approval, and in a plan what it would need behind that.
func (a *apply) waiting(ctx context.Context, r agentstate.Record, rc Receipt) error {
	what, ok := strings.CutSuffix(rc.Why, whyApproval)
	if !ok || rc.Action != Held {
		return nil
	}
	if a.opts.OnWaiting != nil {
		asked := approvalOf(r, what)
		if by := a.guard.by[rc.Key]; by != nil { // it was narrowed before, and waits for another
			asked.After, asked.Effect = by.After, by.Effect
		}
		a.opts.OnWaiting(asked)
	}
	f, ok := a.w.(Foreteller)
	if !ok || a.journal != nil {
		return nil
	}
	why, err := f.Foretell(ctx, r)
	if err != nil {
		return a.fail(ErrTarget, err)
	}
	if why != "" {
		a.rep.foretold(Receipt{Key: rc.Key, Action: Refused, Why: why})
	}
	return nil
}

// rename makes of p what its approval and the map say, or answers that it waits.
func (a *apply) rename(p *pending) error {
	if by := a.guard.by[p.rec.GetMeta().GetKey()]; by != nil {
		p.approval = by
		p.out, p.losses = by.narrow(p.rec)
	}
	p.out, p.labelled = imported(p.out, a.label)
	if a.names == nil {
		return nil
	}
	out, losses, wait, err := a.names.Record(p.out)
	if err != nil {
		return err
	}
	p.out, p.losses = out, append(p.losses, losses...)
	if wait != "" {
		key := p.rec.GetMeta().GetKey()
		p.answer = &Receipt{Key: key, Action: Held, Why: wait, Losses: []fidelity.Loss{{Key: key, Grade: fidelity.Quarantined, Why: wait}}}
	}
	return nil
}

// known is what the journal holds of key from an earlier attempt; dup: this attempt had it.
func (a *apply) known(key string) (e *entry, dup bool, err error) {
	if a.journal == nil {
		_, dup, err = a.planned.View(key)
		return nil, dup, err
	}
	x, ok, err := a.journal.look(key, nil)
	if err != nil || !ok || x.at >= a.journal.start {
		return nil, ok, err
	}
	earlier := x // only this one is on the heap
	return &earlier, false, nil
}

// some writes the first records of ps, at least one: for a Batcher all that are of one kind, since
// what refers to another by a hard reference is of another kind than it.
func (a *apply) some(ctx context.Context, ps []pending) (int, error) {
	b, ok := a.w.(Batcher)
	if !ok {
		return 1, a.one(ctx, &ps[0], nil)
	}
	kind, n := agentstate.KindOf(ps[0].rec), 0
	var rs []agentstate.Record
	var at []int
	for ; n < len(ps) && agentstate.KindOf(ps[n].rec) == kind; n++ {
		if ps[n].answer == nil {
			if _, stop := a.guard.late(ps[n].rec); !stop {
				rs, at = append(rs, ps[n].out), append(at, n)
			}
		}
	}
	answers := make([]*Receipt, n)
	var broken error
	if len(rs) > 0 {
		var got []Receipt
		got, broken = b.WriteBatch(ctx, rs)
		if broken == nil && len(got) != len(rs) {
			broken = fmt.Errorf("the driver answers %d of %d records", len(got), len(rs))
		}
		for i := range min(len(got), len(rs)) {
			if got[i].Action != 0 {
				answers[at[i]] = &got[i]
			}
		}
	}
	for i := range n {
		if broken != nil && answers[i] == nil {
			continue // what was written before it broke is in the journal; the rest is in doubt
		}
		if err := a.one(ctx, &ps[i], answers[i]); err != nil {
			return n, err
		}
	}
	if broken != nil {
		if i := place(broken, at, answers); i >= 0 {
			a.last = ps[i].rec.GetMeta().GetKey()
		}
		return n, a.fail(ErrTarget, broken)
	}
	return n, nil
}

// one writes a record, or takes note of what is known of it: wrote is what a Batcher answered.
func (a *apply) one(ctx context.Context, p *pending, wrote *Receipt) error {
	key := p.rec.GetMeta().GetKey()
	kind := agentstate.KindOfKey(key)
	a.last = key
	rc := p.answer
	if rc == nil {
		// The answer of a parent may have come in this very batch.
		if got, stop := a.guard.late(p.rec); stop {
			rc = &got
		} else {
			if wrote == nil {
				got, err := a.w.Write(ctx, p.out)
				if err != nil {
					return a.fail(ErrTarget, err)
				}
				wrote = &got
			}
			got := *wrote
			got.Key = key
			if err := textual(got); err != nil {
				return err
			}
			if got.Action < Created || got.Action > Held {
				return a.fail(ErrTarget, fmt.Errorf("the driver answers with action %d", got.Action))
			}
			if got.Action <= Updated {
				a.rep.rewrote(got.Losses, p.losses)
				got.Losses, got.Approval = append(got.Losses, p.losses...), p.approval
			}
			if a.anew != nil && (got.Action == Created || got.Action == Same) {
				_, losses := a.became(key)
				for _, l := range losses { // what the driver says of a field goes first
					if !slices.ContainsFunc(got.Losses, func(d fidelity.Loss) bool { return d.Path == l.Path }) {
						got.Losses = append(got.Losses, l)
					}
				}
			}
			rc = settle(&got, p.prior)
		}
		a.guard.note(*rc)
	}
	if err := a.keep(*rc, p); err != nil {
		return err
	}
	a.line = append(append(append(quoted(a.line[:0], rc.Key), ' '), rc.Action.String()...), '\n')
	a.answers.Write(a.line)
	a.rep.add(kind, *rc)
	a.grants.note(p.rec, rc)
	if p.labelled && rc.Action <= Updated {
		a.rep.Labelled++
	}
	if rc.Action == Created && a.journal == nil { // a plan estimates
		a.load.add(p.rec)
	}
	if a.refused != nil && (rc.Action == Refused || rc.Action == Conflict) {
		if err := a.refused.Encode(struct {
			Key    string `json:"key"`
			Kind   string `json:"kind"`
			Action string `json:"action"`
			Why    string `json:"why"`
		}{rc.Key, kind, rc.Action.String(), rc.Why}); err != nil {
			return fmt.Errorf("replay: file of refused records: %w", err)
		}
	}
	if a.opts.OnReceipt != nil {
		a.opts.OnReceipt(*rc)
	}
	return nil
}

// settle joins the answer to a record that was in doubt with what an earlier attempt was told:
// what this run created stays this run's, so that Undo finds it.
func settle(got *Receipt, prior *receipt) *Receipt {
	if prior == nil || prior.Action != Created.String() || got.Action != Same {
		return got
	}
	got.Action = Created
	if got.Target == "" {
		got.Target = prior.Target
	}
	if got.Version == "" {
		got.Version = prior.Version
	}
	return got
}

// became is what became of the record under key, which a map may have renamed since it was read.
func (a *apply) became(key string) (string, []fidelity.Loss) {
	if a.names != nil {
		if old, err := a.names.Old(key); err == nil {
			key = old
		}
	}
	return a.anew.Became(key)
}

// stop answers for a record that the target must not see, and for a vector that could not be made.
func (a *apply) stop(r agentstate.Record) (Receipt, bool) {
	key := r.GetMeta().GetKey()
	if a.anew != nil && agentstate.KindOfKey(key) == "embedding" {
		if why, _ := a.became(key); why != "" {
			return Receipt{Key: key, Action: Skipped, Why: why}, true
		}
	}
	return a.guard.stop(r)
}

// keep writes a receipt into the journal; a plan keeps the key.
func (a *apply) keep(rc Receipt, p *pending) error {
	if p.noted {
		return nil
	}
	if a.journal == nil {
		return a.planned.Put(rc.Key, []byte(rc.Target))
	}
	return a.journal.answer(rc)
}
