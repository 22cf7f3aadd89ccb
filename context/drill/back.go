package drill

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
)

// Back is what was found when the target was read anew.
type Back struct {
	Process  int              `json:"process"` // id of the process that read it
	Fidelity *fidelity.Report `json:"fidelity"`
	Seen     *Seen            `json:"seen"` // of the target
}

// ReadBack compares got, a fresh source over the target, with the archive want, and looks for the
// known answers of the plan among the records that the run of j wrote: what lay there before does
// not count. A nil j compares everything.
func ReadBack(ctx context.Context, want, got agentstate.Source, j *replay.Journal, canaries []Canary) (*Back, error) {
	o := newObserver(slices.Clone(canaries))
	kinds := map[string]bool{} // of the canaries
	for _, c := range canaries {
		kinds[c.Kind], kinds[agentstate.KindOfKey(c.Key)] = true, true
	}
	ours := map[uint64]bool{} // keys in the target, of records of those kinds that came with this drill
	var failed error
	first := &tap{Source: want, look: func(r agentstate.Record) {
		if !kinds[agentstate.KindOf(r)] {
			return
		}
		key := r.GetMeta().GetKey()
		at, came, err := arrived(j, key)
		if failed = errors.Join(failed, err); !came {
			return
		}
		ours[xxhash.Sum64String(at)] = true
		for i := range o.canaries {
			if canaries[i].Key == key {
				o.canaries[i].Key = at
			}
		}
	}}
	o.arrived = func(key string) bool { return ours[xxhash.Sum64String(key)] }
	rep, err := replay.ReadBack(ctx, first, &tap{Source: got, look: o.record}, j)
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	return &Back{Process: os.Getpid(), Fidelity: rep, Seen: o.seen}, nil
}

// arrived tells whether the run of j brought the record under key, by itself or inside of another,
// and under which key the target has it.
func arrived(j *replay.Journal, key string) (at string, ok bool, err error) {
	if j == nil || j.Run() == "" {
		return key, true, nil
	}
	rc, ok, err := j.Answer(key)
	switch {
	case err != nil || !ok:
		return key, false, err
	case rc.Action == replay.Created, rc.Action == replay.Updated, rc.Action == replay.Skipped:
		return rc.TargetKey(), true, nil
	}
	return key, false, nil
}
