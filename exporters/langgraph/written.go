package langgraph

import (
	"context"
	"strconv"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// replay reads the messages of a channel that has no value: its state is what the tasks of the
// head's ancestors wrote, in order. A message with an id replaces the one that had it.
func (t *thread) replay(ctx context.Context, v *view, ns cell, head, channel string) error {
	w := t.r.lay.writes()
	if !w.readable() {
		return nil
	}
	where := " FROM " + w.ident + " WHERE thread_id = ? AND checkpoint_ns = ? AND channel = ?"
	args := []any{t.id.arg(), ns.arg(), channel}
	value, order := "value", ""
	if t.r.lay.engine == "postgres" {
		value = "blob"
	}
	if w.col("task_path") >= 0 {
		order = "task_path, "
	}
	rows, err := t.r.eng.query(ctx, "SELECT CAST(coalesce(sum(octet_length("+value+")), 0) AS TEXT)"+where, args...)
	if err != nil {
		return err
	}
	switch n, err := strconv.ParseInt(rows[0][0].String(), 10, 64); {
	case err != nil || n == 0 || n > maxView:
		return nil
	case n > agentstate.SpillSize:
		if err := t.out.First(); err != nil {
			return err
		}
	}
	line, err := t.ancestors(ctx, ns, head)
	if err != nil {
		return err
	}
	rows, err = t.r.eng.query(ctx, "SELECT checkpoint_id, task_id, idx, coalesce(type, 'json'), "+value+where+" ORDER BY checkpoint_id, "+order+"task_id, idx", args...)
	if err != nil {
		return err
	}
	var ms []*pb.Message
	var keys []string
	at, chat := map[string]int{}, false
	for _, r := range rows {
		if line[r[0].String()] == 0 || opaque(r[3].String()) {
			continue
		}
		w, ok, err := values.Written(r[3].String(), r[4].b)
		if err != nil || !ok {
			return nil // not a chat
		}
		chat = chat || w.Surely
		if w.Reset {
			ms, keys, at = nil, nil, map[string]int{}
		}
		key := t.key("pendingwrite", ns.String(), r[0].String(), r[1].String(), r[2].String())
		for _, m := range w.Messages {
			i, known := at[m.NativeId]
			known = known && m.NativeId != ""
			switch {
			case m.NativeRole == "remove" && m.NativeId == values.RemoveAll:
				ms, keys, at = nil, nil, map[string]int{}
			case m.NativeRole == "remove" && known:
				ms[i] = nil
				delete(at, m.NativeId)
			case m.NativeRole == "remove":
			case known:
				ms[i], keys[i] = m, key
			default:
				at[m.NativeId] = len(ms)
				ms, keys = append(ms, m), append(keys, key)
			}
		}
	}
	n := 0
	for i, m := range ms {
		if m != nil {
			ms[n], keys[n] = m, keys[i]
			n++
		}
	}
	if chat && n > 0 {
		t.keep(v, ms[:n], channel, keys[:n]...)
	}
	return nil
}

// ancestors are the ids of the checkpoints before head, and how far back each is: 1 is its parent.
func (t *thread) ancestors(ctx context.Context, ns cell, head string) (map[string]int, error) {
	rows, err := t.r.eng.query(ctx, "SELECT checkpoint_id, parent_checkpoint_id FROM "+t.r.lay.t["checkpoints"].from("")+
		" WHERE thread_id = ? AND checkpoint_ns = ? AND parent_checkpoint_id IS NOT NULL", t.id.arg(), ns.arg())
	if err != nil {
		return nil, err
	}
	parent := map[string]string{}
	for _, r := range rows {
		parent[r[0].String()] = r[1].String()
	}
	out := map[string]int{}
	for id, ok := parent[head]; ok && out[id] == 0; id, ok = parent[id] {
		out[id] = len(out) + 1
	}
	return out, nil
}
