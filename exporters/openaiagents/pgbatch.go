package openaiagents

import (
	"context"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
)

// WriteBatch writes rs in their order. What may be there already is looked for one after the other.
func (w *pgWriter) WriteBatch(ctx context.Context, rs []agentstate.Record) ([]replay.Receipt, error) {
	out := make([]replay.Receipt, len(rs))
	write := func(i int) (err error) {
		out[i], err = w.Write(ctx, rs[i])
		return brokeAt(i, err) // some before it may wait for their answers
	}
	for i := range rs {
		if !w.run.Doubts(rs[i].GetMeta().GetKey()) {
			continue
		}
		for i := range rs {
			if err := write(i); err != nil {
				return out, err
			}
		}
		return out, nil
	}
	if w.exact && len(rs) > 0 && agentstate.KindOf(rs[0]) == "message" {
		return out, w.items(ctx, rs, out)
	}
	return out, w.together(ctx, len(rs), write)
}

// items writes items of this runtime: which id one gets depends on those before it, and is found out between looking and writing.
func (w *pgWriter) items(ctx context.Context, rs []agentstate.Record, out []replay.Receipt) error {
	rows, moved := make([]*pgRow, len(rs)), make([][]fidelity.Loss, len(rs))
	answer := func(i int, rc replay.Receipt, err error) error {
		if out[i] = rc; rc.Action != 0 {
			rows[i] = nil
		}
		return brokeAt(i, own(err))
	}
	if err := w.together(ctx, len(rs), func(i int) error {
		row, rc, err := w.rowOf(ctx, rs[i])
		if rows[i] = row; row != nil && err == nil {
			rc, err = w.look(ctx, row)
		}
		return answer(i, rc, err)
	}); err != nil {
		return err
	}
	for i, row := range rows {
		if row == nil {
			continue
		}
		var rc replay.Receipt
		var err error
		moved[i], rc, err = w.place(ctx, row)
		if err := answer(i, rc, err); err != nil {
			return err
		}
	}
	if err := w.together(ctx, len(rs), func(i int) (err error) {
		if rows[i] == nil {
			return nil
		}
		rc, err := w.item(ctx, rows[i], moved[i])
		out[i] = rc
		return brokeAt(i, own(err))
	}); err != nil {
		return err
	}
	return w.outOfLine(ctx, rows, out)
}

// outOfLine takes out again what came behind an item that another program kept out after it was looked for.
func (w *pgWriter) outOfLine(ctx context.Context, rows []*pgRow, out []replay.Receipt) error {
	stuck := map[string]bool{}
	for i, row := range rows {
		if row == nil {
			continue
		}
		in := sessionIn(row.p, row.vals[1].(string))
		switch {
		case out[i].Action == replay.Conflict:
			stuck[in] = true
		case out[i].Action == replay.Created && stuck[in] && !w.run.DryRun:
			if err := w.remove(ctx, row.p.messages.ident+" WHERE id = $1::int8", row.vals[0]); err != nil {
				return brokeAt(i, own(err))
			}
			out[i] = replay.Receipt{Action: replay.Refused, Why: whyStuck}
		}
	}
	return nil
}

func brokeAt(i int, err error) error {
	if err == nil {
		return nil
	}
	return replay.BrokeAt(i, err)
}
