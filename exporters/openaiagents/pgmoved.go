package openaiagents

import (
	"context"

	"github.com/exitramp/exitramp/context/fidelity"
)

// sessionIn names a session of a pair of tables.
func sessionIn(p *pgPair, sid string) string { return p.Messages + "\x00" + sid }

// counts tells whether the ids of a row's table are given by a sequence, so that it may get another.
func (r *pgRow) counts() bool { return r.made && r.p.sequence != "" }

func (w *pgWriter) placeOf(r *pgRow) place {
	return place{w.moves, r.p.Messages, sessionIn(r.p, r.vals[1].(string)), r.p.maxID}
}

// standing finds out what stands under the id of an item.
func (w *pgWriter) standing(ctx context.Context, r *pgRow) (err error) {
	if !r.made {
		return nil
	}
	find := func() ([]any, error) { return w.stored(ctx, r.p.messages.ident, r.cols, r.vals[0]) }
	if !r.counts() { // it keeps its id
		r.is, err = compared(r.vals, find)
		return err
	}
	m := w.placeOf(r)
	if err := w.atOnce(func() error {
		return m.begin(func() (int64, error) { return w.highest(ctx, r.p) })
	}); err != nil {
		return err
	}
	r.is, err = m.standing(r.vals[0].(int64), r.vals, find)
	return err
}

// moved gives an item another id, where its own is that of another row in the target.
func (w *pgWriter) moved(ctx context.Context, r *pgRow) ([]fidelity.Loss, error) {
	if !r.counts() {
		return nil, nil
	}
	m, id := w.placeOf(r), r.vals[0].(int64)
	if m.planned(id) { // since it was looked for
		r.is = other
	}
	alike := func(after int64) (at int64, err error) {
		_, err = w.one(ctx, "SELECT id::int8 FROM "+r.p.messages.ident+" WHERE session_id = $1::text AND message_data = $2::text AND created_at = $3::text::timestamp AND id > $4::int8 ORDER BY id LIMIT 1",
			[]any{r.vals[1], r.vals[2], r.vals[3], after}, &at)
		return at, err
	}
	next := func(above int64) (int64, error) {
		at, err := w.nextID(ctx, r.p, above)
		m.gave(at)
		return at, err
	}
	if w.run.DryRun {
		next = nil
	}
	at, err := m.give(id, r.is, w.run.Doubts(r.key), alike, next)
	if err != nil || at == id || at > r.p.maxID {
		return nil, err
	}
	return r.moveTo(at), nil
}

// highest is the highest id that a table has given.
func (w *pgWriter) highest(ctx context.Context, p *pgPair) (int64, error) {
	id := int64(0)
	if _, err := w.one(ctx, "SELECT coalesce(max(id), 0)::int8 FROM "+p.messages.ident, nil, &id); err != nil {
		return 0, err
	}
	last, err := w.pg.last(ctx, p)
	return max(id, last), err
}

// nextID takes an id from the sequence that the runtime takes its own from, from at on.
func (w *pgWriter) nextID(ctx context.Context, p *pgPair, at int64) (id int64, err error) {
	for id < at && err == nil {
		if _, err = w.one(ctx, "SELECT nextval($1::text::regclass)", []any{p.sequence}, &id); err != nil || id >= at {
			return id, err
		}
		_, err = w.one(ctx, "SELECT setval($1::text::regclass, $2::int8, false)", []any{p.sequence, at}, new(int64))
	}
	return id, err
}

// stuck says why an item does not come to a session of the target's own, of which an item is another there.
func (w *pgWriter) stuck(ctx context.Context, p *pgPair, vals []any) (string, error) {
	if !w.moves.stuck[sessionIn(p, vals[1].(string))] {
		return "", nil
	}
	have, err := w.stored(ctx, p.messages.ident, []string{"id"}, vals[0])
	if err != nil || have != nil {
		return "", err
	}
	return whyStuck, nil
}
