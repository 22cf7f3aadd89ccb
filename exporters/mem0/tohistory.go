package mem0

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// foreignHistory is the layout of the target's history; why: it cannot be written.
func (w *writer) foreignHistory() (l layout, why string) {
	if w.s.server != nil && w.s.beside == "" {
		return l, "the history is in a SQLite file of its own: name it with ?history=FILE"
	}
	for _, l := range w.layouts {
		if l.Form.history() {
			l = l.with([]string{"messages"})
			w.layouts[l.Place] = l
			return l, ""
		}
	}
	l = layout{File: historyFile, Place: placeOf(historyFile), Form: jsHistory}
	if w.foreign.python {
		l.Form = pythonHistory
	}
	l.Tables = []string{string(l.Form), "messages"}
	w.layouts[l.Place] = l
	return l, ""
}

// mappedRelation answers for the link of an entity, which is in the entity's row.
func (w *writer) mappedRelation(r *pb.Relation) (replay.Receipt, error) {
	rc := comes("it comes with its entity")
	_, parts := agentstate.SplitKey(w.keyThere(r.FromKey))
	_, of := agentstate.SplitKey(r.Meta.Key)
	if len(parts) != 2 || len(of) != 3 {
		return rc, nil
	}
	l := w.layouts[parts[0]]
	got := l.relation(w.keyThere(r.FromKey), parts[1], of[2])
	rc.Target = got.Meta.Key
	rc.Losses = w.differences(r, got, noField, map[string]reason{"to_key": {0, "the memory is gone, its collection is named otherwise"}})
	return rc, nil
}

// mappedConversation answers for a scope's messages.
func (w *writer) mappedConversation(c *pb.Conversation) (replay.Receipt, error) {
	rc := comes("a conversation is a name in mem0's messages: it comes with them")
	l, why := w.foreignHistory()
	_, parts := agentstate.SplitKey(c.Meta.Key)
	if why == "" && len(parts) == 2 {
		rc.Target = agentstate.Key("conversation", l.Place, parts[1])
		rc.Losses = []fidelity.Loss{{Path: "meta.view_of_keys", Grade: fidelity.Equivalent, Why: "read out of its messages"}}
	}
	return rc, nil
}

// values are the columns of a record's native row by name.
func (w *writer) values(ctx context.Context, r agentstate.Record) (map[string]any, error) {
	out := map[string]any{}
	for _, n := range r.GetMeta().GetNative() {
		for _, c := range n.GetRow().GetColumns() {
			v, err := w.run.Source.Column(ctx, r, c)
			if err != nil {
				return nil, err
			}
			if b, ok := v.([]byte); ok && c.GetAt() != "" {
				v = string(b) // a text that is held in a field
			}
			out[c.Name] = v
		}
	}
	return out, nil
}

// mappedMessage writes one of the last messages of a scope: their table is the same in both packages.
func (w *writer) mappedMessage(ctx context.Context, m *pb.Message) (replay.Receipt, error) {
	l, why := w.foreignHistory()
	vals, err := w.values(ctx, m)
	if err != nil || why != "" || vals["id"] == nil {
		return replay.Receipt{Action: replay.Skipped, Why: why}, err
	}
	d, err := w.open(ctx, l.Place)
	if err != nil {
		return replay.Receipt{}, err
	}
	losses := readable(l, vals)
	key := agentstate.Key("message", l.Place, sqlitefile.Text(vals["id"]))
	rc, err := w.message(ctx, slot{d, l, m.Meta.Key, key}, m, vals)
	if rc.Action == replay.Created || rc.Action == replay.Same {
		rc.Losses = append(rc.Losses, losses...)
	}
	return rc, err
}

// readable mends the texts of a row that are not UTF-8, such as half a pair of JavaScript's: Python ends a
// whole list at one.
func readable(l layout, vals map[string]any) (losses []fidelity.Loss) {
	if l.Form != pythonHistory {
		return nil
	}
	for _, c := range slices.Sorted(maps.Keys(vals)) {
		s, ok := vals[c].(string)
		if !ok || utf8.ValidString(s) {
			continue
		}
		vals[c] = strings.ToValidUTF8(s, "\ufffd")
		paths := map[string][]string{"old_memory": {"before"}, "new_memory": {"after"}, "content": {"parts.text", "meta.labels.name", "meta.labels.value"}}[c]
		for _, p := range append(paths, "native."+c) {
			losses = append(losses, fidelity.Loss{Path: p, Grade: fidelity.Transformed, Why: "Python reads no text that is not UTF-8: what is none becomes U+FFFD"})
		}
	}
	return losses
}

// mappedRevision writes a row of the history in the columns of the other package.
func (w *writer) mappedRevision(ctx context.Context, r *pb.Revision) (replay.Receipt, error) {
	l, why := w.foreignHistory()
	vals, err := w.values(ctx, r)
	if err != nil || why != "" {
		return replay.Receipt{Action: replay.Skipped, Why: why}, err
	}
	if ns := r.Meta.Native; len(ns) > 0 && ns[0].Type == string(pythonHistory) {
		current(vals)
	}
	for _, x := range [][2]string{{"previous_value", "old_memory"}, {"new_value", "new_memory"}, {"action", "event"}} {
		to, from := x[0], x[1]
		if l.Form == pythonHistory {
			to, from = from, to
		}
		if v, ok := vals[from]; ok {
			vals[to] = v
		}
	}
	losses := readable(l, vals)
	d, err := w.open(ctx, l.Place)
	if err != nil {
		return replay.Receipt{}, err
	}
	switch id := vals["id"].(type) {
	case int64:
		if l.Form == pythonHistory {
			vals["id"] = madeID(r.Meta.Key)
		}
	case string:
		if l.Form == jsHistory {
			if vals["id"], err = w.number(ctx, d, vals); err != nil {
				return replay.Receipt{}, err
			}
		}
	default:
		return refused("its id is a %T", id)
	}
	key := agentstate.Key("revision", l.Place, sqlitefile.Text(vals["id"]))
	rc, err := w.insert(ctx, slot{d, l, r.Meta.Key, key}, string(l.Form), vals)
	if rc.Action == replay.Created || rc.Action == replay.Same {
		got := &pb.Revision{Meta: &pb.Meta{Key: key, CreatedUnixNano: r.Meta.CreatedUnixNano, UpdatedUnixNano: r.Meta.UpdatedUnixNano}, OfKey: w.ofKeyThere(r), Operation: r.Operation, Before: r.Before, After: r.After}
		if n, ok := vals["id"].(int64); ok && n > 0 {
			got.Number = uint64(n)
		}
		if l.Form == pythonHistory {
			got.ByKey = r.ByKey
		}
		rc.Losses = w.differences(r, got, "the other package's history has no such column", map[string]reason{
			"number": {0, "rows of the history are numbered in one package and not in the other"}, "of_key": {0, otherCollection}})
		rc.Losses = append(rc.Losses, losses...)
	}
	return rc, err
}

const otherCollection = "the memory is gone, its collection is named otherwise"

// ofKeyThere is the memory that a reading of the target takes a row of the history to be of: where it is
// there, itself.
func (w *writer) ofKeyThere(r *pb.Revision) string {
	_, parts := agentstate.SplitKey(r.OfKey)
	if len(parts) != 2 {
		return r.OfKey
	}
	if to, ok := w.run.Target(r.OfKey); ok && agentstate.KindOfKey(to) == "memory" {
		if _, there := agentstate.SplitKey(to); len(there) == 2 && there[1] == parts[1] {
			return to
		}
	}
	return agentstate.Key("memory", w.firstPlace(), parts[1])
}

// revision writes a row of the history as it is.
func (w *writer) revision(ctx context.Context, at slot, r *pb.Revision, table string, vals map[string]any) (replay.Receipt, error) {
	rc, err := w.insert(ctx, at, table, vals)
	if (rc.Action == replay.Created || rc.Action == replay.Same) && w.ofKeyThere(r) != r.OfKey {
		rc.Losses = append(rc.Losses, fidelity.Loss{Path: "of_key", Grade: fidelity.Transformed, Why: otherCollection})
	}
	return rc, err
}

// firstPlace is the collection that a reading of the target takes the history to be of.
func (w *writer) firstPlace() string {
	first := ""
	for place, l := range w.layouts {
		if !l.Form.history() && l.subject() == "memory" && (first == "" || strings.Compare(l.File, w.layouts[first].File) < 0) {
			first = place
		}
	}
	return first
}

// A past is what is known of JavaScript's history in the target, whose rows are numbered.
type past struct {
	rows *diskmap.Map // digest of a row → the numbers of rows that say so
	next int64
}

// renumber writes a row of the history whose number another row has: nothing refers to the numbers.
func (w *writer) renumber(ctx context.Context, at slot, vals map[string]any) (replay.Receipt, error) {
	n, err := w.number(ctx, at.d, vals)
	if err != nil {
		return replay.Receipt{}, err
	}
	vals["id"], at.key = n, agentstate.Key("revision", at.l.Place, strconv.FormatInt(n, 10))
	rc, err := w.insert(ctx, at, "memory_history", vals)
	if rc.Action == replay.Created || rc.Action == replay.Same {
		for _, p := range []string{"number", "native.id"} {
			rc.Losses = append(rc.Losses, fidelity.Loss{Path: p, Grade: fidelity.Transformed, Why: "another row of the history has this number: it gets the next"})
		}
	}
	return rc, err
}

// number is the id of a row of JavaScript's history: that of a row of the target which says the same,
// else the next.
func (w *writer) number(ctx context.Context, d *db, vals map[string]any) (int64, error) {
	if w.past == nil {
		if err := w.numbers(ctx, d); err != nil {
			return 0, err
		}
	}
	f := w.past
	cols := columnsOf("memory_history")[1:]
	args := make([]any, len(cols))
	for i, c := range cols {
		args[i] = vals[c]
	}
	same := "history " + sqlitefile.Digest(args...)
	if b, ok, err := f.rows.Get(same); err != nil {
		return 0, err
	} else if ok && len(b) >= 8 { // each row of the target is one row of the state at most
		return int64(binary.BigEndian.Uint64(b)), f.rows.Put(same, b[8:])
	}
	f.next++
	return f.next - 1, nil
}

// numbers remembers the rows that the target has.
func (w *writer) numbers(ctx context.Context, d *db) error {
	rows, err := diskmap.New("")
	if err != nil {
		return err
	}
	w.past = &past{rows: rows, next: 1}
	if d == nil {
		return nil
	}
	cols := columnsOf("memory_history")
	err = d.each(ctx, "SELECT "+d.selects("memory_history", cols)+" FROM memory_history ORDER BY id", nil, func(v []any) error {
		n, ok := v[0].(int64)
		if !ok {
			return nil
		}
		w.past.next = max(w.past.next, n+1)
		same := "history " + sqlitefile.Digest(v[1:]...)
		b, _, err := w.past.rows.Get(same)
		if err != nil {
			return err
		}
		return w.past.rows.Put(same, binary.BigEndian.AppendUint64(b, uint64(n)))
	})
	if err != nil && w.run.DryRun && strings.Contains(err.Error(), "no such table") {
		return nil
	}
	if err == nil {
		var seq int64
		seq, err = d.one(ctx, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'memory_history'")
		w.past.next = max(w.past.next, seq+1)
	}
	return d.wrap(err)
}
