package mem0

import (
	"context"
	"encoding/binary"
	"strings"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// positions are those of the messages in the target's history: by id, and how many each scope has.
type positions struct{ rows *diskmap.Map }

func (p positions) get(name string) (uint64, bool, error) {
	b, ok, err := p.rows.Get(name)
	if err != nil || !ok || len(b) != 8 {
		return 0, false, err
	}
	return binary.BigEndian.Uint64(b), true, nil
}

// add is the position of the next message of a scope.
func (p positions) add(scope string) (uint64, error) {
	n, _, err := p.get("scope " + scope)
	if err != nil {
		return 0, err
	}
	return n + 1, p.rows.Put("scope "+scope, binary.BigEndian.AppendUint64(nil, n+1))
}

// look remembers the messages that are in a history; d is nil where there is none yet.
func (p positions) look(ctx context.Context, d *db) error {
	if d == nil {
		return nil
	}
	err := d.each(ctx, "SELECT +id, +session_scope FROM messages ORDER BY rowid", nil, func(v []any) error {
		n, err := p.add(sqlitefile.Text(v[1]))
		if err != nil {
			return err
		}
		return p.rows.Put("id "+sqlitefile.Text(v[0]), binary.BigEndian.AppendUint64(nil, n))
	})
	if err != nil && strings.Contains(err.Error(), "no such table") {
		return nil
	}
	return d.wrap(err)
}

// message writes a row of the last messages of a scope. Where the scope has others in the target, it
// comes behind them.
func (w *writer) message(ctx context.Context, at slot, m *pb.Message, vals map[string]any) (replay.Receipt, error) {
	p, ok := w.positions[at.l.Place]
	if !ok {
		rows, err := diskmap.New("")
		if err != nil {
			return replay.Receipt{}, err
		}
		p = positions{rows}
		w.positions[at.l.Place] = p
		if err := p.look(ctx, at.d); err != nil {
			return replay.Receipt{}, err
		}
	}
	rc, err := w.insert(ctx, at, "messages", vals)
	if err != nil || rc.Action != replay.Created && rc.Action != replay.Same {
		return rc, err
	}
	n, ok, err := p.get("id " + sqlitefile.Text(vals["id"]))
	if err == nil && !ok {
		n, err = p.add(sqlitefile.Text(vals["session_scope"]))
	}
	if err == nil && m.Position != 0 && n != m.Position {
		rc.Losses = append(rc.Losses, fidelity.Loss{Path: "position", Grade: fidelity.Transformed, Why: "the scope has other messages in the target: it stands among them"})
	}
	return rc, err
}
