package openaiagents

import (
	"context"

	"github.com/exitramp/exitramp/context/agentstate"
)

// A tally is what counts say: how many records of a kind there are to be.
type tally struct {
	n   map[string]uint64
	err error
}

// counts counts by other routes than rows are read.
func (d *pg) counts(ctx context.Context) (t tally) {
	t.n = map[string]uint64{}
	add := func(kind, q string) {
		if t.err == nil {
			var n int64
			n, t.err = d.count(ctx, q)
			t.n[kind] += uint64(n)
		}
	}
	for _, p := range d.pairs {
		if p.sessions.denied == "" {
			add("conversation", "SELECT count(*) FROM "+p.sessions.ident)
		}
		if p.messages.denied != "" {
			continue
		}
		add("message", "SELECT count(*) FROM "+p.messages.ident)
		q := "SELECT count(DISTINCT session_id) FROM " + p.messages.ident
		if p.sessions.denied == "" {
			q += " m WHERE NOT EXISTS (SELECT FROM " + p.sessions.ident + " s WHERE s.session_id = m.session_id)"
		}
		add("conversation", q)
	}
	return t
}

// countBeside counts over a second connection in the same snapshot, while rows are read. Where there is none to
// be had, it counts over the first one when it is asked.
func (r *pgReading) countBeside(ctx context.Context) (counted func() tally, err error) {
	for _, p := range r.pairs {
		if p.sessions.partial || p.messages.partial { // what it sees depends on more than the snapshot
			return func() tally { return r.counts(ctx) }, nil
		}
	}
	begin, err := r.server.Shared(ctx, r.Conn)
	if err != nil || begin == "" {
		return func() tally { return r.counts(ctx) }, err
	}
	beside, stop := context.WithCancel(ctx)
	out, begun := make(chan tally, 1), make(chan struct{})
	go func() {
		defer close(out)
		conn, err := r.server.Begin(beside, begin)
		if err != nil {
			return
		}
		close(begun)
		d := &pg{Conn: conn, server: r.server, pairs: r.pairs}
		defer d.close()
		out <- d.counts(beside)
	}()
	r.stop = func() {
		stop()
		for range out {
		}
	}
	return func() tally {
		select {
		case <-begun:
		default: // a pooler may have it wait for the end of the first one
			stop()
		}
		t, ok := <-out
		if !ok || t.err != nil { // it was not let in, or was ended
			return r.counts(ctx)
		}
		return t
	}, nil
}

func (r *pgReading) finish(ctx context.Context, counted func() tally) error {
	t := counted()
	if t.err != nil {
		return t.err
	}
	for k, n := range t.n {
		r.n[k] += n
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
	r.out.Note(sealedNotes(r.sealed)...)
	st.Observer, st.ObserverBasis, st.Account, st.Consistent = r.user, "current_user", r.server.String(), true
	return nil
}

// Preflight counts what the database holds; it reads only.
func (s *Store) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	r, o, notes, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer r.close()
	t := r.counts(ctx)
	if t.err != nil {
		return nil, own(t.err)
	}
	p := &agentstate.Preflight{Origin: o, Observer: r.user, Gaps: r.denials(), Notes: notes, Counts: map[string]int64{"conversation": int64(t.n["conversation"]), "message": int64(t.n["message"])},
		Never: []string{"the agents' code and tools; keys of encrypted sessions; run states, which programs keep elsewhere"}}
	n := int64(0)
	for _, x := range r.pairs {
		if x.sessions.denied != "" {
			p.Counts["conversation"] = -1
		}
		if x.messages.denied != "" {
			p.Counts["message"] = -1
			continue
		}
		more, err := r.count(ctx, "SELECT count(*) FROM "+x.messages.ident+" WHERE message_data LIKE '"+sealed+"%'")
		if err != nil {
			return nil, own(err)
		}
		n += more
	}
	p.Notes = append(p.Notes, sealedNotes(n)...)
	return p, nil
}
