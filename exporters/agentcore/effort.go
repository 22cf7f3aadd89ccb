package agentcore

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
)

// maxAsks is how many requests of a preflight count sessions: at 20 a second that takes five seconds.
const maxAsks = 100

// pagesOf is how many requests list n things.
func pagesOf(n, size int) int { return max(1, (n+size-1)/size) }

// count counts the sessions of actors, as long as it may ask, and of each memory those of one: they may be closed.
// at is the last one that it saw.
func (b *prober) count(ctx context.Context, mem string, actors []string) (at placed, err error) {
	for i, a := range actors {
		if b.asks <= 0 && i > 0 {
			rest := len(actors) - i
			b.uncount += rest // each is listed because it has a session, and each session is listed twice
			b.need["ListSessions"] += 2 * rest
			b.need["ListEvents"] += 2 * rest
			break
		}
		b.asks--
		n := 0
		ok, err := b.open("conversation", mem+"/*", b.c.listSessions(ctx, mem, a, 100, func(doc json.RawMessage) error {
			id, err := field(doc, "sessionId")
			if err != nil {
				return err
			}
			if n > 0 && n%100 == 0 {
				if b.asks--; b.asks < 0 {
					b.uncount++
					return errEnough
				}
			}
			n++
			at = placed{mem, a, id}
			return nil
		}))
		if err != nil || !ok { // what is closed for one is so for the others, and said once
			b.uncount += len(actors) - i
			return at, err
		}
		b.sessions += n
		b.need["ListSessions"] += pagesOf(n, 100) + pagesOf(n, 61)
		b.need["ListEvents"] += 2 * n
	}
	return at, nil
}

// counted says how many sessions there are, or that they are not all counted.
func (b *prober) counted() {
	n := b.p.Counts["principal"]
	switch {
	case b.uncount > 0:
		b.p.Counts["conversation"] = -1
		b.p.Notes = append(b.p.Notes, fmt.Sprintf("the sessions of %d of %d actors were not all counted, %d of the others were: there may be many more requests", b.uncount, n, b.sessions))
	case b.sessions > 0:
		b.p.Counts["conversation"] = int64(b.sessions)
	}
}

// effort is what an export takes at least that makes these requests: operations go on side by side, each at its rate.
func (s *Service) effort(need map[string]int) *agentstate.Effort {
	e := &agentstate.Effort{}
	longest := 0.0
	for _, op := range sortedKeys(need) {
		n := need[op]
		e.Requests += uint64(n)
		if t := float64(n) / s.rate(op); t > longest {
			longest = t
			e.Time = time.Duration(math.Ceil(t)) * time.Second
			e.Formula = fmt.Sprintf("%d %s ÷ %g/s", n, op, s.rate(op))
		}
	}
	return e
}
