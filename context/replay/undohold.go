package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"

	"github.com/exitramp/exitramp/context/agentstate"
)

// came are the records of a target that a run brought, by hash of their keys there.
type came struct {
	seed         maphash.Seed
	made, inside map[uint64]bool // by themselves, and maybe inside of others
}

func (j *Journal) came() (*came, error) {
	c := &came{maphash.MakeSeed(), map[uint64]bool{}, map[uint64]bool{}}
	for x, err := range j.all() {
		if err != nil {
			return nil, err
		}
		e := x.entry
		if e.done == nil { // in doubt
			c.made[c.hash(cmp.Or(e.as, x.key))] = true
			continue
		}
		rc, err := e.done.receipt()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrJournal, err)
		}
		switch rc.Action {
		case Created, Updated:
			c.made[c.hash(rc.TargetKey())] = true
		case Skipped:
			c.inside[c.hash(rc.TargetKey())] = true
		}
	}
	return c, nil
}

func (c *came) hash(key string) uint64 { return maphash.String(c.seed, key) }

// brought tells whether an undo of the run would take r out: by itself, with what it belongs to, or with what
// it is a reading of. Of a record inside of others that does not say of which, it is taken for granted.
func (c *came) brought(r agentstate.Record) bool {
	m := r.GetMeta()
	parent, of := belongs(r)
	for _, k := range append([]string{m.GetKey(), parent, of}, m.GetViewOfKeys()...) {
		if k != "" && c.made[c.hash(k)] {
			return true
		}
	}
	return len(c.made) > 0 && len(m.GetViewOfKeys()) == 0 && c.inside[c.hash(m.GetKey())]
}

// UnderHold names the records of a target that the run of j brought, and that are under a legal hold: by key, by
// the subject that they are about, or by what they belong to. An undo of the run would take them out, so a
// caller asks before. Keys are those of the archive, or of the target. Of a run that was undone nothing is left to be
// taken out, nor is of a target that is not there (fs.ErrNotExist).
func UnderHold(ctx context.Context, target agentstate.Source, j *Journal, holds []string) (*AliveReport, error) {
	if j == nil || j.head == nil {
		return nil, j.noRun()
	}
	if j.undone {
		return &AliveReport{Keys: []string{}}, nil
	}
	ours, err := j.came()
	if err != nil {
		return nil, err
	}
	rep, err := j.find(ctx, target, holds, ours.brought)
	if errors.Is(err, fs.ErrNotExist) {
		return &AliveReport{Keys: []string{}}, nil
	}
	return rep, err
}
