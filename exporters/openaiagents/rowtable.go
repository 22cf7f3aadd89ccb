package openaiagents

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A rowTable is a table that a row of an archive is of.
type rowTable struct {
	layout
	rel, name string
	pair      *pair // nil: a table of AdvancedSQLiteSession
}

// rowTable is the table of a place that a record of a kind and its row are of, or why there is none.
func (w *writer) rowTable(place, kind, typ string) (t rowTable, why string) {
	rel, table := w.split(place)
	l, ok := w.layouts[rel]
	if !ok {
		return t, "the archive does not say how the tables of its file are made"
	}
	t = rowTable{layout: l, rel: rel, pair: l.pair(table)}
	switch want := map[string]string{"agent_sessions": "conversation", "agent_messages": "message", "turn_usage": "run"}[typ]; {
	case t.pair == nil:
		return t, fmt.Sprintf("the archive names no table %q in its file", table)
	case want != "" && want != kind, want == "" && kind != "opaque":
		return t, fmt.Sprintf("a %s cannot be a row of %.40q", kind, typ)
	case typ == "agent_sessions":
		t.name = t.pair.Sessions
	case typ == "agent_messages":
		t.name = t.pair.Messages
	case slices.Contains(l.Extra, typ):
		t.name, t.pair = typ, nil
	default:
		return t, fmt.Sprintf("no table of the SDK: %.40q", typ)
	}
	return t, ""
}

// row writes a row, with all that an application added to it, unless what it belongs to was not taken.
func (w *writer) row(ctx context.Context, t rowTable, r newRow) (replay.Receipt, error) {
	d, err := w.open(ctx, t.rel, t.layout)
	if err != nil {
		return replay.Receipt{}, err
	}
	var has, filled []string
	if d != nil {
		has, filled = d.layout.Added[t.name], d.layout.filled[t.name]
	}
	kind := agentstate.KindOfKey(r.key)
	session, message := [2]string{t.rel, t.rowSession(r)}, [2]string{t.rel, t.rowMessage(r)}
	switch {
	case w.away[session]:
		return refused("its session was not taken")
	case w.away[message]:
		return refused("its message was not taken")
	}
	var losses []fidelity.Loss
	r.added, losses = carry(r.added, t.name, has, t.Added[t.name], filled)
	whose := session[0] + "\x00" + session[1]
	moved, err := w.moved(ctx, d, t.name, whose, &r)
	if err != nil {
		return replay.Receipt{}, err
	}
	rc := replay.Receipt{Action: replay.Refused, Why: whyStuck}
	if alone, err := w.alone(ctx, d, t, whose, &r); err != nil {
		return replay.Receipt{}, err
	} else if !alone {
		if rc, err = w.insert(ctx, d, t.name, keyOf(t.name, t.pair), r); err != nil {
			return rc, err
		}
	}
	off := rc.Action == replay.Refused || rc.Action == replay.Conflict
	switch {
	case kind == "conversation" && rc.Action == replay.Created:
		w.moves.fresh[whose] = true
	case kind == "conversation" && rc.Action == replay.Refused:
		w.away[session] = true
	case kind == "message" && off:
		w.away[message] = true
		if rc.Action == replay.Conflict {
			w.moves.stuck[whose] = true
		}
	}
	if !off {
		rc.Losses = append(rc.Losses, append(losses, moved...)...)
	}
	return rc, nil
}

// alone tells of an item that its session in the target would have without those before it.
func (w *writer) alone(ctx context.Context, d *db, t rowTable, whose string, r *newRow) (bool, error) {
	if t.pair == nil || t.name != t.pair.Messages || !w.moves.stuck[whose] {
		return false, nil
	}
	have, err := d.find(ctx, t.name, r.cols, []string{"id"}, r.vals)
	return have == nil, d.Wrap(err)
}

// whose is the pair that the row of a record is of: what AdvancedSQLiteSession notes is of that of the message or session that it names.
func (t *rowTable) whose(r agentstate.Record) *pair {
	if t.pair != nil {
		return t.pair
	}
	about := ""
	switch r := r.(type) {
	case *pb.Run:
		about = r.ConversationKey
	case *pb.Opaque:
		about = slices.Concat(r.AboutKeys, []string{""})[0]
	}
	if _, parts := agentstate.SplitKey(about); len(parts) > 0 {
		if table, ok := strings.CutPrefix(parts[0], t.rel); ok && (table == "" || table[0] == '#') {
			if p := t.layout.pair(strings.TrimPrefix(table, "#")); p != nil {
				return p
			}
		}
	}
	return t.structured()
}

// rowSession is the session that a row is of, by table and id.
func (t *rowTable) rowSession(r newRow) string {
	i := slices.Index(r.cols, "session_id")
	if i < 0 {
		return ""
	}
	return r.of.Sessions + "\x00" + sqlitefile.Text(r.vals[i])
}

// rowMessage is the message that a row is or is about, by table and id; empty: none.
func (t *rowTable) rowMessage(r newRow) string {
	i := slices.Index(r.cols, "message_id")
	if t.pair != nil {
		i = slices.Index(r.cols[:1], "id")
	}
	if i < 0 {
		return ""
	}
	return r.of.Messages + "\x00#" + sqlitefile.Text(r.vals[i])
}
