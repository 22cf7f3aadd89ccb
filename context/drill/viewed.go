package drill

import (
	"encoding/json"
	"path/filepath"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// viewed tells of records that came inside of others, or are read out of them, whether they lay in the target before: the
// replay wrote none by itself, so that no answer of its own says it.
type viewed struct {
	j   *replay.Journal       // nil: the target held nothing of the archive when the plan was made
	old func(key string) bool // see replay.Journal.OldGroups
	n   map[string]uint64     // that did, by kind
}

func newViewed(p *Plan, j *replay.Journal) (*viewed, error) {
	if j == nil || j.Run() == "" || !p.heldBefore() {
		return &viewed{}, nil
	}
	old, err := j.OldGroups()
	return &viewed{j: j, old: old, n: map[string]uint64{}}, err
}

// before tells whether r lay there before inside of others, and counts it.
func (v *viewed) before(r agentstate.Record) (bool, error) {
	if v.j == nil || !agentstate.IsState(agentstate.KindOf(r)) {
		return false, nil
	}
	key, of := r.GetMeta().GetKey(), r.GetMeta().GetViewOfKeys()
	rc, ok, err := v.j.Answer(key)
	if err != nil || !ok || rc.Action != replay.Skipped || len(of) == 0 && !v.old(key) {
		return false, err
	}
	for _, k := range of {
		rc, ok, err := v.j.Answer(k)
		if err != nil || !ok || rc.Action != replay.Same && (rc.Action != replay.Skipped || !v.old(k)) {
			return false, err
		}
	}
	v.n[agentstate.KindOf(r)]++
	return true, nil
}

// heldBefore tells whether the target held records of the archive when the plan of a drill that goes on was made: so
// its own notes say, which another process can read, too.
func (p *Plan) heldBefore() bool {
	b, err := readFile(filepath.Join(p.Output, p.Name+stateFile), maxState)
	var s state
	return err == nil && json.Unmarshal(b, &s) == nil && s.Plan == p.Digest() && s.held()
}

// held tells whether the target held records of the archive when the plan was made.
func (s *state) held() bool {
	for _, n := range s.Before {
		if n > 0 {
			return true
		}
	}
	return false
}
