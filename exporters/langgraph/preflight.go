package langgraph

import (
	"context"
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
)

// Preflight says what an export would find: who reads, how many rows, what is closed to the
// observer. It reads only.
func (s *Store) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	r, end, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	f := r.eng.facts()
	p := &agentstate.Preflight{Origin: r.origin(), Observer: f.observer, Counts: map[string]int64{}, Gaps: denials(r.lay)}
	p.Notes = append(p.Notes, f.notes...)
	if r.lay.shallow {
		p.Notes = append(p.Notes, labelShallow+": "+noHistory)
	}
	if r.left != "" {
		p.Notes = append(p.Notes, labelTables+": "+r.left)
	}
	if !r.lay.tell {
		p.Notes = append(p.Notes, r.lay.basis)
	}
	for _, t := range r.lay.t {
		k := kindOfTable(t.name)
		if t.denied != "" {
			p.Counts[k] = -1
			continue
		}
		n, err := r.count(ctx, t)
		if err != nil {
			return nil, err
		}
		p.Counts[k] += int64(n)
	}
	if c := r.lay.t["checkpoints"]; c.readable() {
		rows, err := r.eng.query(ctx, "SELECT count(DISTINCT thread_id) FROM "+c.ident)
		if err != nil {
			return nil, err
		}
		p.Counts["conversation"] = rows[0][0].i
		if _, ok := p.Counts["channelvalue"]; !ok && rows[0][0].i > 0 {
			p.Counts["channelvalue"] = -1 // inside the checkpoints; counting them is reading them
		}
	}
	if w := r.lay.writes(); w.readable() {
		rows, err := r.eng.query(ctx, "SELECT count(*) FROM "+w.ident+" WHERE type LIKE '%+%'")
		if err != nil {
			return nil, err
		}
		if n := rows[0][0].i; n > 0 {
			p.Notes = append(p.Notes, fmt.Sprintf("%d encrypted writes: carried as they are; an exact copy works with the same key, SQLite ⇄ PostgreSQL does not", n))
		}
	}
	return p, nil
}
