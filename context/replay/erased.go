package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	if e.g.erased(r) == "" {
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

// AliveReport is what Alive or UnderHold found in a target.
type AliveReport struct {
	N    uint64
	Keys []string // in the target: the first 1,000
}

// ErrRenamed: the map of a run may have renamed a space, or the target, and neither the journal nor the target tells
// to what: the target took it with other records, and gave no id.
var ErrRenamed = errors.New("replay: it may have another name in the target, and neither the journal nor the target tells which")

// KeysThere adds to keys, which are of the archive or of the target, those that their records have in the target
// of the run. A map goes by the path of a space, which a key does not tell, and a target may name it by ids of its
// own: where the run did not write the space by itself, the target is read, and has to hold something that the run
// brought under one of its names. j may be nil.
func (j *Journal) KeysThere(ctx context.Context, target agentstate.Source, keys []string) ([]string, error) {
	if j == nil || j.head == nil {
		return keys, nil
	}
	m, err := j.Map()
	if err != nil {
		return nil, err
	}
	out, unsure := slices.Clip(keys), map[string]*erased{}
	for _, k := range keys {
		e, err := j.get(k)
		if err != nil {
			return nil, err
		}
		space := agentstate.KindOfKey(k) == "memoryspace"
		told := true
		switch {
		case e == nil: // no record of the archive, where its spaces were asked for
			if space {
				if told, err = j.asked("memoryspace"); err != nil {
					return nil, err
				}
			}
		case e.done == nil: // in doubt
			out = append(out, cmp.Or(e.as, k))
		case e.done.Target != "":
			out = append(out, targetKey(k, e.done.Target))
		default:
			told = e.done.Action == Held.String() || e.done.Action == Refused.String() // and nothing in it was written
		}
		var to []string
		if m != nil {
			to = m.Keys(k)
		}
		if space && !told {
			unsure[k] = newErased(append([]string{k}, to...))
		}
		out = append(out, to...)
	}
	if len(unsure) > 0 {
		err = j.seen(ctx, target, unsure)
	}
	return out, err
}

// seen is an ErrRenamed where the run brought nothing that one of unsure finds in the target.
func (j *Journal) seen(ctx context.Context, target agentstate.Source, unsure map[string]*erased) error {
	ours, err := j.came()
	if err != nil {
		return err
	}
	for r, err := range target.Records(ctx, nil) {
		if err != nil {
			return fmt.Errorf("%w: %w", ErrTarget, err)
		}
		if !agentstate.IsState(agentstate.KindOf(r)) {
			continue
		}
		for k, e := range unsure {
			if e.holds(r) && ours.brought(r) {
				delete(unsure, k)
			}
		}
		if len(unsure) == 0 {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("%w: %s", ErrRenamed, slices.Min(slices.Collect(maps.Keys(unsure))))
}

// asked tells whether the run came to records of a kind.
func (j *Journal) asked(kind string) (bool, error) {
	for x, err := range j.all() {
		if err != nil || agentstate.KindOfKey(x.key) == kind {
			return err == nil, err
		}
	}
	return false, nil
}

// Alive names the records of a target that tombstones speak of: by key, by the subject that they are about,
// or by what they belong to, as Apply leaves them out. The keys are those of the archive, or of the target. j
// has the ids that the target gave to the records of its run, and what a map made of their names; nil: none.
func Alive(ctx context.Context, target agentstate.Source, j *Journal, tombstones []string) (*AliveReport, error) {
	return j.find(ctx, target, tombstones, func(agentstate.Record) bool { return true })
}

// find names the records of a target that keys speak of, and that are wanted. j may be nil.
func (j *Journal) find(ctx context.Context, target agentstate.Source, keys []string, wanted func(agentstate.Record) bool) (*AliveReport, error) {
	keys, err := j.KeysThere(ctx, target, keys)
	if err != nil {
		return nil, err
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
