package openaiagents

import (
	"context"

	"github.com/exitramp/exitramp/context/fidelity"
)

// sessionIn names a session of a pair of tables.
func sessionIn(p *pgPair, sid string) string { return p.Messages + "\x00" + sid }

// moved gives an item another id, where its own is that of another row in the target.
func (w *pgWriter) moved(ctx context.Context, p *pgPair, made bool, r *newRow) ([]fidelity.Loss, error) {
	if !made || p.sequence == "" {
		return nil, nil
	}
	id, sid := r.vals[0].(int64), r.vals[1].(string)
	m := place{w.moves, p.Messages, sessionIn(p, sid), p.maxID}
	if err := m.begin(func() (int64, error) { return w.highest(ctx, p) }); err != nil {
		return nil, err
	}
	is, err := m.standing(id, r.vals, func() ([]any, error) { return w.stored(ctx, p.messages.ident, r.cols, id) })
	if err != nil {
		return nil, err
	}
	alike := func(after int64) (at int64, err error) {
		_, err = w.one(ctx, "SELECT id::int8 FROM "+p.messages.ident+" WHERE session_id = $1::text AND message_data = $2::text AND created_at = $3::text::timestamp AND id > $4::int8 ORDER BY id LIMIT 1",
			[]any{sid, r.vals[2], r.vals[3], after}, &at)
		return at, err
	}
	next := func(above int64) (int64, error) { return w.nextID(ctx, p, above) }
	if w.run.DryRun {
		next = nil
	}
	at, err := m.give(id, is, w.run.Doubts(r.key), alike, next)
	if err != nil || at == id || at > p.maxID {
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
