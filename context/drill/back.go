package drill

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
)

// Back is what was found when the target was read anew.
type Back struct {
	Process  int                 `json:"process"` // id of the process that read it
	Fidelity *fidelity.Report    `json:"fidelity"`
	Seen     *Seen               `json:"seen"`             // of the target
	Recall   *embed.RecallReport `json:"recall,omitempty"` // nil: the plan does not ask, or nothing has vectors
	// State is the digest of all state that was read, and Records how many records it has:
	// evidence.Runtime says of what. Empty: an earlier release read it.
	State   string `json:"state,omitempty"`
	Records uint64 `json:"records,omitempty"`
	// Before are, by kind, those that came inside of others, or are read out of them, and lay in the target before.
	Before map[string]uint64 `json:"before,omitempty"`
}

// ReadBack compares got, a fresh source over the target, with the archive want, and looks for the
// known answers of p among the records that the run of j wrote: what lay there before does not
// count. A nil j compares everything. Where vectors were made anew, want is an [embed.Source] that has them.
func ReadBack(ctx context.Context, want, got agentstate.Source, j *replay.Journal, p *Plan) (*Back, error) {
	o := newObserver(slices.Clone(p.Canaries))
	a, err := newArrivals(ctx, want, j, p)
	if err != nil {
		return nil, err
	}
	if a.names != nil {
		defer a.names.Close()
	}
	plain := want // with the vectors of the archive
	if re, ok := want.(*embed.Source); ok {
		plain = re.Unwrap()
	}
	o.own, o.arrived = map[echo]bool{}, func(key string) bool { return a.ours[xxhash.Sum64String(key)] }
	opts := &replay.ReadBackOptions{}
	if j != nil && len(p.sends) > 0 {
		opts.Kinds = p.sends // what else lies there is not of this drill
	}
	first := &tap{Source: want, kinds: opts.Kinds, look: func(w agentstate.Wired) {
		if a.err == nil { // a broken journal is said once, and not for each record
			a.err = a.look(o, w.Record)
		}
	}}
	var unsummed error
	state := newStateSum(opts.Kinds)
	seen := &tap{Source: got, kinds: opts.Kinds, look: func(w agentstate.Wired) {
		o.record(w.Record)
		if err := state.add(w); err != nil && unsummed == nil {
			unsummed = err
		}
	}}
	rep, err := replay.ReadBackWith(ctx, first, seen, j, opts)
	if err = errors.Join(err, a.err, unsummed); err != nil {
		return nil, err
	}
	b := &Back{Process: os.Getpid(), Fidelity: rep, Seen: o.seen, Before: a.views.n}
	b.State, b.Records = state.sum()
	if p.Recall.Queries == 0 {
		return b, nil
	}
	b.Recall, err = recall(ctx, plain, got, a, p)
	if b.Records == 0 && errors.Is(err, fs.ErrNotExist) { // nothing was written, which makes no target
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// recall is what searches of got find, of what those of want do; nil: neither has vectors.
func recall(ctx context.Context, want, got agentstate.Source, a *arrivals, p *Plan) (*embed.RecallReport, error) {
	var failed error
	rep, err := embed.Recall(ctx, want, got, &embed.RecallOptions{K: p.Recall.K, N: p.Recall.Queries, Seed: p.Recall.Seed, Key: func(k string) string {
		at, _, err := a.at(k)
		failed = errors.Join(failed, err)
		return at
	}})
	if errors.Is(err, embed.ErrQueries) {
		rep, err = nil, nil
	}
	return rep, errors.Join(err, failed)
}
