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
	"github.com/exitramp/exitramp/context/mapping"
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
	canaries := p.Canaries
	o := newObserver(slices.Clone(canaries))
	kinds := map[string]bool{} // of the canaries
	for _, c := range canaries {
		kinds[c.Kind], kinds[agentstate.KindOfKey(c.Key)] = true, true
	}
	names, err := renamed(ctx, want, j, p)
	if err != nil {
		return nil, err
	}
	if names != nil {
		defer names.Close()
	}
	plain := want // with the vectors of the archive
	if re, ok := want.(*embed.Source); ok {
		plain = re.Unwrap()
	}
	o.own = map[echo]bool{}
	ours := map[uint64]bool{} // keys in the target of what came with this drill, at least of those kinds
	var failed error
	views, err := newViewed(p, j)
	if err != nil {
		return nil, err
	}
	opts := &replay.ReadBackOptions{}
	if j != nil && len(p.sends) > 0 {
		opts.Kinds = p.sends // what else lies there is not of this drill
	}
	first := &tap{Source: want, kinds: opts.Kinds, look: func(r agentstate.Record) {
		if failed != nil { // a broken journal is said once, and not for each record
			return
		}
		was, err := views.before(r)
		failed = err
		had := o.places(r, (*Canary).had)
		if !kinds[agentstate.KindOf(r)] && had == nil {
			return
		}
		key := r.GetMeta().GetKey()
		at, came, err := arrived(j, names, key)
		if failed = errors.Join(failed, err); !came || was {
			return
		}
		for _, i := range had {
			o.own[echoOf(i, at)] = true
		}
		ours[xxhash.Sum64String(at)] = true
		for i := range o.canaries {
			if canaries[i].Key == key {
				o.canaries[i].Key = at
			}
		}
	}}
	var unsummed error
	state := newStateSum(p.sends)
	if j == nil {
		state.kinds = nil
	}
	seen := &tap{Source: got, kinds: opts.Kinds, look: func(r agentstate.Record) {
		o.record(r)
		if err := state.add(r); err != nil && unsummed == nil {
			unsummed = err
		}
	}}
	o.arrived = func(key string) bool { return ours[xxhash.Sum64String(key)] }
	rep, err := replay.ReadBackWith(ctx, first, seen, j, opts)
	if err = errors.Join(err, failed, unsummed); err != nil {
		return nil, err
	}
	b := &Back{Process: os.Getpid(), Fidelity: rep, Seen: o.seen, Before: views.n}
	b.State, b.Records = state.sum()
	if p.Recall.Queries == 0 {
		return b, nil
	}
	b.Recall, err = recall(ctx, plain, got, p, func(key string) (string, error) {
		at, _, err := arrived(j, names, key)
		return at, err
	})
	if b.Records == 0 && errors.Is(err, fs.ErrNotExist) { // nothing was written, which makes no target
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// recall is what searches of got find, of what those of want do; nil: neither has vectors. key is what got has for a key.
func recall(ctx context.Context, want, got agentstate.Source, p *Plan, key func(string) (string, error)) (*embed.RecallReport, error) {
	var failed error
	rep, err := embed.Recall(ctx, want, got, &embed.RecallOptions{K: p.Recall.K, N: p.Recall.Queries, Seed: p.Recall.Seed, Key: func(k string) string {
		at, err := key(k)
		failed = errors.Join(failed, err)
		return at
	}})
	if errors.Is(err, embed.ErrQueries) {
		rep, err = nil, nil
	}
	return rep, errors.Join(err, failed)
}

// renamed is what the map of j makes of names; nil: there is none, or nobody asks.
func renamed(ctx context.Context, want agentstate.Source, j *replay.Journal, p *Plan) (*mapping.Mapper, error) {
	if j == nil || j.Run() == "" || len(p.Canaries) == 0 && p.Recall.Queries == 0 {
		return nil, nil
	}
	m, err := j.Map()
	if err != nil || m == nil {
		return nil, err
	}
	return mapping.New(ctx, m, want)
}

// arrived tells whether the run of j brought the record under key, by itself or inside of another,
// and under which key the target has it.
func arrived(j *replay.Journal, names *mapping.Mapper, key string) (at string, ok bool, err error) {
	if j == nil || j.Run() == "" {
		return key, true, nil
	}
	rc, ok, err := j.Answer(key)
	if err != nil || !ok {
		return key, false, err
	}
	if names != nil {
		if rc.Key, err = names.Key(key); err != nil {
			return key, false, err
		}
	}
	switch rc.Action {
	case replay.Created, replay.Updated, replay.Skipped:
		return rc.TargetKey(), true, nil
	}
	return key, false, nil
}
