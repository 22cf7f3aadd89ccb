package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// echo is a record of a target that says what a planted instruction says: the instruction by its place in the plan,
// the record by the hash of its key.
type echo struct {
	canary int
	key    uint64
}

func echoOf(canary int, key string) echo { return echo{canary, xxhash.Sum64String(key)} }

// echoes tells whether t, of a record with an operator's authority, says what c, which was planted, says.
func (c *Canary) echoes(t *texts) bool {
	return c.Injection && c.Contains != "" && t.hold("", c.Contains)
}

// had tells whether t, of a record of the archive with an operator's authority, is what c knows, or says it.
func (c *Canary) had(t *texts) bool {
	return c.echoes(t) || c.Injection && c.Contains == "" && c.Key == t.r.GetMeta().GetKey()
}

// said are records that say a planted instruction with an operator's authority.
type said struct {
	N    uint64   `json:"n"`
	Keys []uint64 `json:"keys,omitempty"` // their hashes: of the first mostSaid
}

// mostSaid is of how many records more than the number is known.
const mostSaid = 10_000

// UnmarshalJSON reads the number alone, too, which is what an earlier release knew.
func (s *said) UnmarshalJSON(b []byte) error {
	type plain said
	*s = said{}
	if json.Unmarshal(b, &s.N) == nil {
		return nil
	}
	return json.Unmarshal(b, (*plain)(s))
}

func (s *said) add(key string) {
	if s.N++; len(s.Keys) < mostSaid {
		s.Keys = append(s.Keys, xxhash.Sum64String(key))
	}
}

// newTo tells whether a record of s is not among those of before, or one of two under a key is not. Where not all of them
// are known, their numbers tell.
func (s said) newTo(before said) bool {
	if s.N > uint64(len(s.Keys)) || before.N > uint64(len(before.Keys)) {
		return s.N > before.N
	}
	left := map[uint64]int{}
	for _, k := range before.Keys {
		left[k]++
	}
	for _, k := range s.Keys {
		if left[k]--; left[k] < 0 {
			return true
		}
	}
	return false
}

// commanding are the kinds of which a record may have an operator's authority: see commands.
func commanding() []string { return []string{"agent", "memory", "message", "policy", "skill", "tool"} }

// echoes are, by planted instruction, the records of the target that say it with an operator's authority before
// anything is written: they are not of this drill. nil: nothing was planted.
func (r *run) echoes(ctx context.Context, rt agentstate.Source) ([]said, error) {
	if !slices.ContainsFunc(r.p.Canaries, func(c Canary) bool { return c.Injection && c.Contains != "" }) {
		return nil, nil
	}
	l, found := newLookup(r.p.Canaries), make([]said, len(r.p.Canaries))
	for w, err := range agentstate.Lent(ctx, rt, &agentstate.ReadOptions{Kinds: commanding()}) {
		if agentstate.IsUnanswered(err) { // it may say so, and answer when the plan asks
			return nil, fmt.Errorf("%w: %w", replay.ErrTarget, err)
		}
		if err != nil {
			break // what cannot be read holds nothing as yet, or the plan says why
		}
		rec := w.Record
		if r.p.stays(agentstate.KindOf(rec)) { // that is not read back either
			continue
		}
		for _, i := range l.places(rec, (*Canary).echoes) {
			found[i].add(rec.GetMeta().GetKey())
		}
	}
	return found, ctx.Err()
}

// saidBefore are in words the records that say so and do not count.
func (s *state) saidBefore() (say string) {
	there, had := uint64(0), uint64(0)
	for i := range s.Echoes {
		there += s.Echoes[i].N
	}
	if s.Back != nil {
		for _, n := range s.Back.Seen.Had {
			had += n
		}
	}
	if there > 0 {
		say = fmt.Sprintf("; records of the target that said so before with that authority, which do not count: %d", there)
	}
	if had > 0 {
		say += fmt.Sprintf("; records that the archive has with that authority as well, which do not count: %d", had)
	}
	return say
}
