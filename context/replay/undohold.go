package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/diskmap"
)

// came are the records of a target that a run brought, by their keys there.
type came struct {
	made, inside *diskmap.Map // by themselves, and maybe inside of others
	err          error        // of a look at them
}

func (j *Journal) came() (c *came, err error) {
	c = &came{}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	for _, m := range []**diskmap.Map{&c.made, &c.inside} {
		if *m, err = diskmap.New(""); err != nil {
			return nil, err
		}
	}
	for x, err := range j.all() {
		if err != nil {
			return nil, err
		}
		rc, in := Receipt{Key: cmp.Or(x.entry.as, x.key)}, c.made // in doubt
		if done := x.entry.done; done != nil {
			if rc, err = done.receipt(); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrJournal, err)
			}
			switch rc.Action {
			case Created, Updated:
			case Skipped:
				in = c.inside
			default:
				continue
			}
		}
		if _, err := in.Add(rc.TargetKey(), nil); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *came) close() {
	for _, m := range []*diskmap.Map{c.made, c.inside} {
		if m != nil {
			m.Close()
		}
	}
}

func (c *came) has(in *diskmap.Map, key string) bool {
	_, ok, err := in.View(key)
	c.err = cmp.Or(c.err, err)
	return ok
}

// brought tells whether an undo of the run would take r out: by itself, with what it belongs to, or with what
// it is a reading of. Of a record inside of others that does not say of which, it is taken for granted.
func (c *came) brought(r agentstate.Record) bool {
	m := r.GetMeta()
	parent, of := belongs(r)
	for _, k := range append([]string{m.GetKey(), parent, of}, m.GetViewOfKeys()...) {
		if k != "" && c.has(c.made, k) {
			return true
		}
	}
	return c.made.Len() > 0 && len(m.GetViewOfKeys()) == 0 && c.has(c.inside, m.GetKey())
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
	defer ours.close()
	rep, err := j.find(ctx, target, holds, ours.brought)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &AliveReport{Keys: []string{}}, nil
	case err == nil && ours.err != nil:
		return nil, ours.err
	}
	return rep, err
}
