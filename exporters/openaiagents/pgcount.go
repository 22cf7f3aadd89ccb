package openaiagents

import (
	"context"

	"github.com/exitramp/exitramp/context/agentstate"
)

// counts counts by other routes.
func (r *pgReading) counts(ctx context.Context) error {
	for _, p := range r.pairs {
		if p.sessions.denied == "" {
			n, err := r.count(ctx, "SELECT count(*) FROM "+p.sessions.ident)
			if err != nil {
				return err
			}
			r.n["conversation"] += uint64(n)
		}
		if p.messages.denied != "" {
			continue
		}
		n, err := r.count(ctx, "SELECT count(*) FROM "+p.messages.ident)
		if err != nil {
			return err
		}
		r.n["message"] += uint64(n)
		q := "SELECT count(DISTINCT session_id) FROM " + p.messages.ident
		if p.sessions.denied == "" {
			q += " m WHERE NOT EXISTS (SELECT FROM " + p.sessions.ident + " s WHERE s.session_id = m.session_id)"
		}
		if n, err = r.count(ctx, q); err != nil {
			return err
		}
		r.n["conversation"] += uint64(n)
	}
	return nil
}

func (r *pgReading) finish(ctx context.Context) error {
	if err := r.counts(ctx); err != nil {
		return err
	}
	access := map[string]string{}
	const whole = "row_security off accepted"
	for _, k := range []string{"conversation", "message", "opaque"} {
		access[k] = whole
	}
	for _, p := range r.pairs {
		if !p.messages.whole() {
			access["message"], access["conversation"] = "", ""
		}
		if !p.sessions.whole() {
			access["conversation"] = ""
		}
		if p.sequence != "" && !p.readSeq || p.messages.denied != "" {
			access["opaque"] = ""
		}
	}
	for _, k := range []string{"conversation", "message", "opaque"} {
		r.out.Reference(k, r.n[k], "count(*) and number of sequences", access[k])
	}
	r.out.AbsentOthers()
	st := r.out.Statement()
	st.Observer, st.ObserverBasis, st.Account, st.Consistent = r.user, "current_user", r.server.String(), true
	return nil
}

// Preflight counts what the database holds; it reads only.
func (s *Store) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	r, o, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer r.close()
	if err := r.counts(ctx); err != nil {
		return nil, own(err)
	}
	p := &agentstate.Preflight{Origin: o, Observer: r.user, Gaps: r.denials(), Counts: map[string]int64{"conversation": int64(r.n["conversation"]), "message": int64(r.n["message"])},
		Never: []string{"the agents' code and tools; keys of encrypted sessions; run states, which programs keep elsewhere"}}
	sealed := int64(0)
	for _, x := range r.pairs {
		if x.sessions.denied != "" {
			p.Counts["conversation"] = -1
		}
		if x.messages.denied != "" {
			p.Counts["message"] = -1
			continue
		}
		n, err := r.count(ctx, "SELECT count(*) FROM "+x.messages.ident+` WHERE message_data LIKE '{"__enc__"%'`)
		if err != nil {
			return nil, own(err)
		}
		sealed += n
	}
	if sealed > 0 {
		p.Notes = append(p.Notes, sealedNote(sealed))
	}
	return p, nil
}
