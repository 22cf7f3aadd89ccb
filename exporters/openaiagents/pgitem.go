package openaiagents

import (
	"context"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
)

// look finds out what the database has of an item's: its session, and what stands under its id. An Action says that it does not come.
func (w *pgWriter) look(ctx context.Context, r *pgRow) (replay.Receipt, error) {
	id, sid := r.vals[0].(int64), r.vals[1].(string)
	if id > r.p.maxID || id < 0 {
		return refused("id %d is out of the range of table %s", id, r.p.messages.name)
	}
	ok, err := w.hasSession(ctx, r.p, r.made, sid)
	if err != nil {
		return replay.Receipt{}, err
	}
	if !ok {
		return refused("its session has no row in table %s", r.p.sessions.name)
	}
	return replay.Receipt{}, w.standing(ctx, r)
}

// place gives an item its id, behind those before it. An Action says that it does not come.
func (w *pgWriter) place(ctx context.Context, r *pgRow) ([]fidelity.Loss, replay.Receipt, error) {
	id, session := r.vals[0].(int64), sessionIn(r.p, r.vals[1].(string))
	moved, err := w.moved(ctx, r)
	if err != nil {
		return nil, replay.Receipt{}, err
	}
	if why, err := w.stuck(ctx, r.p, r.vals); why != "" || err != nil {
		return nil, replay.Receipt{Action: replay.Refused, Why: why}, err
	}
	if r.is == other && r.vals[0] == id { // those behind it do not come
		w.moves.stuck[session] = true
	}
	return moved, replay.Receipt{}, nil
}

// item puts the row of an item.
func (w *pgWriter) item(ctx context.Context, r *pgRow, moved []fidelity.Loss) (replay.Receipt, error) {
	rc, err := w.insertWhole(ctx, r.made, r.p.messages, w.added[r.p.Messages], r.newRow)
	switch rc.Action {
	case replay.Created:
		w.top[r.p.Messages] = max(w.top[r.p.Messages], r.vals[0].(int64))
	case replay.Conflict:
		w.moves.stuck[sessionIn(r.p, r.vals[1].(string))] = true
	}
	if rc.Action == replay.Created || rc.Action == replay.Same {
		rc.Losses = append(rc.Losses, moved...)
	}
	return rc, err
}

// hasSession tells whether a message may come: its session has a row.
func (w *pgWriter) hasSession(ctx context.Context, p *pgPair, made bool, sid string) (bool, error) {
	k := [2]string{p.Messages, sid}
	if ok, known := w.there[k]; known || !made {
		return ok, nil
	}
	n, err := w.count(ctx, "SELECT count(*) FROM "+p.sessions.ident+" WHERE session_id = $1::text", sid)
	if err == nil {
		w.there[k] = n > 0
	}
	return n > 0, err
}
