package drill

import (
	"context"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/exitramp/exitramp/context/agentstate"
)

// echo is a record of a target that says what a planted instruction says: the instruction by its place in the plan,
// the record by the hash of its key.
type echo struct {
	canary int
	key    uint64
}

func echoOf(canary int, key string) echo { return echo{canary, xxhash.Sum64String(key)} }

// echoes tells whether r says with an operator's authority what c, which was planted, says.
func (c *Canary) echoes(r agentstate.Record) bool {
	return c.Injection && c.Contains != "" && commands(r) && holds(r.ProtoReflect(), "", "", c.Contains)
}

// says are the planted instructions, by their places in the plan, that r says with an operator's authority.
func (o *observer) says(r agentstate.Record) (places []int) {
	for i := range o.canaries {
		if o.canaries[i].echoes(r) {
			places = append(places, i)
		}
	}
	return places
}

// commanding are the kinds of which a record may have an operator's authority: see commands.
func commanding() []string { return []string{"agent", "memory", "message", "policy", "skill", "tool"} }

// echoes counts, by planted instruction, the records of the target that say it with an operator's authority before
// anything is written: they are not of this drill. nil: nothing was planted.
func (r *run) echoes(ctx context.Context, rt agentstate.Source) ([]uint64, error) {
	if !slices.ContainsFunc(r.p.Canaries, func(c Canary) bool { return c.Injection && c.Contains != "" }) {
		return nil, nil
	}
	o, n := newObserver(r.p.Canaries), make([]uint64, len(r.p.Canaries))
	for rec, err := range agentstate.Lent(ctx, rt, &agentstate.ReadOptions{Kinds: commanding()}) {
		if err != nil {
			break // what cannot be read holds nothing as yet, or the plan says why
		}
		if r.p.stays(agentstate.KindOf(rec)) { // that is not read back either
			continue
		}
		for _, i := range o.says(rec) {
			n[i]++
		}
	}
	return n, ctx.Err()
}

// saidBefore are the echoes in words.
func (s *state) saidBefore() string {
	n := uint64(0)
	for _, of := range s.Echoes {
		n += of
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; records of the target that said so before with that authority, which do not count: %d", n)
}
