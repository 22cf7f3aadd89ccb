package drill

import (
	"context"

	"github.com/cespare/xxhash/v2"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/mapping"
	"github.com/exitramp/exitramp/context/replay"
)

// arrivals are the records that the run of a journal brought: what lay in the target before is none of them.
type arrivals struct {
	j      *replay.Journal // nil, or of no run: all are
	names  *mapping.Mapper // what the map of j makes of names; nil: there is none, or nobody asks
	views  *viewed
	looked *lookup         // under the keys of the archive
	kinds  map[string]bool // of the canaries
	ours   map[uint64]bool // keys in the target, at least of those kinds
	err    error
}

func newArrivals(ctx context.Context, want agentstate.Source, j *replay.Journal, p *Plan) (a *arrivals, err error) {
	a = &arrivals{j: j, looked: newLookup(p.Canaries), kinds: map[string]bool{}, ours: map[uint64]bool{}}
	for _, c := range p.Canaries {
		a.kinds[c.Kind], a.kinds[agentstate.KindOfKey(c.Key)] = true, true
	}
	if a.views, err = newViewed(p, j); err != nil || j == nil || j.Run() == "" || len(p.Canaries) == 0 && p.Recall.Queries == 0 {
		return a, err
	}
	m, err := j.Map()
	if err == nil && m != nil {
		a.names, err = mapping.New(ctx, m, want)
	}
	return a, err
}

// look notes where a record of the archive arrived, and tells o.
func (a *arrivals) look(o *observer, r agentstate.Record) error {
	was, err := a.views.before(r)
	had := a.looked.places(r, (*Canary).had)
	if err != nil || !a.kinds[agentstate.KindOf(r)] && had == nil {
		return err
	}
	key := r.GetMeta().GetKey()
	at, came, err := a.at(key)
	if err != nil || !came || was {
		return err
	}
	for _, i := range had {
		o.own[echoOf(i, at)] = true
	}
	a.ours[xxhash.Sum64String(at)] = true
	for _, i := range a.looked.keyed[key] {
		o.looked.move(i, at)
	}
	return nil
}

// at tells whether the run brought the record under key, by itself or inside of another, and under
// which key the target has it.
func (a *arrivals) at(key string) (at string, came bool, err error) {
	if a.j == nil || a.j.Run() == "" {
		return key, true, nil
	}
	rc, ok, err := a.j.Answer(key)
	if err != nil || !ok {
		return key, false, err
	}
	if a.names != nil {
		if rc.Key, err = a.names.Key(key); err != nil {
			return key, false, err
		}
	}
	switch rc.Action {
	case replay.Created, replay.Updated, replay.Skipped:
		if there := a.j.KeyThere(key); there != key { // of a reading, too, whose record went elsewhere
			return there, true, nil
		}
		return rc.TargetKey(), true, nil
	}
	return key, false, nil
}
