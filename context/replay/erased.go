package replay

import (
	"context"
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
)

// erased finds the records that tombstones speak of, in the order in which a state is read: parents
// come before what belongs to them.
type erased struct{ g *guard }

func newErased(tombstones []string) *erased {
	return &erased{newGuard(&Options{Tombstones: tombstones}, false)}
}

// holds tells whether r is one of them.
func (e *erased) holds(r agentstate.Record) bool {
	if e.g.among(r, e.g.dead, whyTombstone) == "" {
		return false
	}
	e.g.note(Receipt{Key: strings.Clone(r.GetMeta().GetKey()), Action: Skipped, Why: whyTombstone})
	return true
}

// renamed are keys under the names that the map of the run gave them.
func (b *readBack) renamed(keys []string) ([]string, error) {
	if b.names == nil {
		return keys, nil
	}
	out := make([]string, 0, len(keys))
	for _, k := range keys {
		k, err := b.names.Key(k)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSource, err)
		}
		out = append(out, k)
	}
	return out, nil
}

// AliveReport is what Alive found.
type AliveReport struct {
	N    uint64
	Keys []string // in the target: the first 1,000
}

// Alive names the records of a target that tombstones speak of: by key, by the subject that they are about,
// or by what they belong to, as Apply leaves them out. j has the ids that the target gave to the records
// of its run; nil: none. What a map renamed is not found.
func Alive(ctx context.Context, target agentstate.Source, j *Journal, tombstones []string) (*AliveReport, error) {
	return j.find(ctx, target, tombstones, func(agentstate.Record) bool { return true })
}

// find names the records of a target that keys speak of, and that are wanted. j may be nil.
func (j *Journal) find(ctx context.Context, target agentstate.Source, keys []string, wanted func(agentstate.Record) bool) (*AliveReport, error) {
	if j != nil && j.head != nil {
		for _, k := range keys {
			keys = append(keys[:len(keys):len(keys)], j.KeyThere(k))
		}
	}
	e, rep := newErased(keys), &AliveReport{Keys: []string{}}
	for r, err := range target.Records(ctx, nil) {
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTarget, err)
		}
		if !agentstate.IsState(agentstate.KindOf(r)) || !e.holds(r) || !wanted(r) {
			continue
		}
		rep.N++
		if len(rep.Keys) < most {
			rep.Keys = append(rep.Keys, r.GetMeta().GetKey())
		}
	}
	return rep, ctx.Err()
}
