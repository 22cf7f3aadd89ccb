package langgraph

import (
	"context"
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// noTask is the task id of a resume that is meant for the whole graph.
const noTask = "00000000-0000-0000-0000-000000000000"

// A group is the writes of one checkpoint: what its tasks did, and what they asked.
type group struct {
	ns, id string
	tasks  map[string]*task
	asked  []*asking
}

type task struct {
	wrote, failed, resumed bool
	answer                 *pb.Data
}

// An asking is an __interrupt__ write.
type asking struct {
	task, idx, key string // task id and index of the write; its key
	what           []values.Interrupt
}

func (g *group) task(id string) *task {
	if g.tasks[id] == nil {
		g.tasks[id] = &task{}
	}
	return g.tasks[id]
}

// pendingWrites emits every write of every checkpoint of the thread, also of checkpoints that are
// gone, and after each checkpoint's writes the interrupts in them.
func (t *thread) pendingWrites(ctx context.Context) error {
	w := t.r.lay.writes()
	if !w.readable() {
		return nil
	}
	value := "value"
	if t.r.lay.engine == "postgres" {
		value = "blob"
	}
	var g *group
	err := t.r.eng.scan(ctx, w, []cell{t.id}, nil, func(row []cell) (bool, error) {
		ns, id := row[w.col("checkpoint_ns")].String(), row[w.col("checkpoint_id")].String()
		if g != nil && (g.ns != ns || g.id != id) {
			if err := t.interrupts(g); err != nil {
				return true, err
			}
			g = nil
		}
		if g == nil {
			g = &group{ns: ns, id: id, tasks: map[string]*task{}}
		}
		return false, t.write(ctx, g, w, row, value)
	})
	if err != nil || g == nil {
		return err
	}
	return t.interrupts(g)
}

// write emits one row of writes.
func (t *thread) write(ctx context.Context, g *group, w *table, row []cell, value string) error {
	tid, idx, ch := row[w.col("task_id")].String(), row[w.col("idx")], row[w.col("channel")].String()
	ser := row[w.col("type")].String()
	if row[w.col("type")].isNull() {
		ser = "json" // what the runtime assumes
	}
	p := &pb.PendingWrite{
		Meta:          agentstate.Meta("pendingwrite", nil, t.name, g.ns, g.id, tid, idx.String()),
		CheckpointKey: t.key("checkpoint", g.ns, g.id),
		TaskId:        valid(tid), Index: idx.i, Channel: valid(ch), Serializer: valid(row[w.col("type")].String()),
		Value: t.r.data(w, row, value, media(ser)),
	}
	if i := w.col("task_path"); i >= 0 {
		p.TaskPath = valid(row[i].String())
	}
	p.Meta.Native = []*pb.Native{t.r.native(w, row, map[string]*pb.Column{value: cite(row[w.col(value)], "#value")})}
	if opaque(ser) {
		t.r.pos.Opaque["pendingwrite"]++
	}
	if err := t.note(ctx, g, w, row, value, p, ser); err != nil {
		return err
	}
	return t.r.put(p)
}

// note keeps what the interrupts of a checkpoint depend on.
func (t *thread) note(ctx context.Context, g *group, w *table, row []cell, value string, p *pb.PendingWrite, ser string) error {
	k := g.task(p.TaskId)
	switch p.Channel {
	case "__error__":
		k.failed = true
	case "__scheduled__":
	case "__resume__":
		k.resumed = true
		if b := row[w.col(value)]; !b.big && !opaque(ser) {
			k.answer = agentstate.Inline("application/json", values.JSON(ser, b.b, agentstate.SpillSize))
		}
	case "__interrupt__":
		if opaque(ser) {
			g.asked = append(g.asked, &asking{task: p.TaskId, idx: row[w.col("idx")].String(), key: p.Meta.Key, what: []values.Interrupt{{}}})
			return nil
		}
		b, err := t.r.bytes(ctx, w, row, value, maxView)
		if err != nil {
			return err
		}
		what, err := values.Interrupts(ser, b)
		if err != nil || len(what) == 0 {
			what = []values.Interrupt{{}} // something is asked; the write itself says what
		}
		g.asked = append(g.asked, &asking{task: p.TaskId, idx: row[w.col("idx")].String(), key: p.Meta.Key, what: what})
	default:
		if p.Index >= 0 {
			k.wrote = true
		}
	}
	return nil
}

// interrupts emits what the tasks of a checkpoint asked. What a subgraph asks stands in the writes
// of each graph around it too, under one id: the outermost is emitted.
func (t *thread) interrupts(g *group) error {
	for _, a := range g.asked {
		for n, w := range a.what {
			if w.ID != "" && t.asked[w.ID] {
				continue
			}
			t.asked[w.ID] = true
			i := &pb.Interrupt{
				Meta:            agentstate.Meta("interrupt", nil, t.name, g.ns, g.id, a.task, a.idx, fmt.Sprint(n)),
				ConversationKey: t.key("conversation"), CheckpointKey: t.key("checkpoint", g.ns, g.id),
				NativeId: valid(w.ID), AskedBy: t.next[hashOf(g.ns, g.id)],
			}
			i.Meta.ViewOfKeys = []string{a.key}
			if w.Value != nil {
				i.Question = agentstate.Inline("application/json", w.Value)
			}
			for _, o := range w.Options {
				i.Options = append(i.Options, valid(o))
			}
			t.status(g, a, i)
			if err := t.r.put(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// status tells whether an interrupt still waits. It is over when the graph went on to another
// checkpoint; an answer that the task has not finished with is not consumed.
func (t *thread) status(g *group, a *asking, i *pb.Interrupt) {
	k, all := g.task(a.task), g.tasks[noTask]
	if k.answer != nil {
		i.Answer = k.answer
	} else if all != nil {
		i.Answer = all.answer
	}
	answered := k.resumed || all != nil && all.resumed
	switch {
	case t.heads[g.ns] != g.id:
		i.Status = pb.Interrupt_STATUS_CLOSED
	case k.wrote, answered && k.failed:
		i.Status = pb.Interrupt_STATUS_ANSWERED
	default:
		// Also when an earlier question of the same task was answered: the runtime shows the
		// task as waiting.
		i.Status = pb.Interrupt_STATUS_OPEN
		i.Answer = nil
	}
}

// labelThread is on the view of a thread whose id is too long for a key.
const labelThread = "thread_id"

// conversation emits the view of the thread as a whole: it has no row of its own.
func (t *thread) conversation(ctx context.Context) error {
	c := t.r.lay.t["checkpoints"]
	conv := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, t.name)}
	if strings.Contains(conv.Meta.Key, "~") { // the key has not all of it
		conv.Meta.Labels = []*pb.Label{{Name: labelThread, Value: valid(t.name)}}
	}
	t.conv = conv
	if c.readable() {
		rows, err := t.r.eng.query(ctx, "SELECT checkpoint_ns, max(checkpoint_id), min(checkpoint_id) FROM "+c.ident+
			" WHERE thread_id = ? GROUP BY checkpoint_ns ORDER BY checkpoint_ns DESC", t.id.arg())
		if err != nil {
			return err
		}
		var ns, head cell // the root graph's; the last row is the shortest namespace
		for _, r := range rows {
			t.heads[r[0].String()] = r[1].String()
			ns, head = r[0], r[1]
			conv.Meta.CreatedUnixNano = uuidTime(r[2].String())
		}
		if len(rows) > 0 {
			conv.Meta.UpdatedUnixNano = uuidTime(head.String())
			conv.Meta.ViewOfKeys = []string{t.key("checkpoint", ns.String(), head.String())}
			err := t.r.eng.scan(ctx, c, []cell{t.id, ns, head}, nil, func(row []cell) (bool, error) {
				return true, t.head(ctx, c, row)
			})
			if err != nil {
				return err
			}
		}
	}
	if len(conv.Meta.ViewOfKeys) == 0 {
		if err := t.remnant(ctx); err != nil {
			return err
		}
	}
	if n := len(t.messages); n > 0 {
		conv.HeadKey = t.messages[n-1].Meta.Key
	}
	return t.r.put(conv)
}

// remnant finds what is left of a thread without checkpoints.
func (t *thread) remnant(ctx context.Context) error {
	take := func(kind string, tab *table) func([]cell) (bool, error) {
		return func(row []cell) (bool, error) {
			var parts []string
			for _, k := range tab.keyOf(row)[1:] {
				parts = append(parts, k.String())
			}
			t.conv.Meta.ViewOfKeys = []string{t.key(kind, parts...)}
			return true, nil
		}
	}
	for _, s := range []struct {
		kind string
		t    *table
	}{{"pendingwrite", t.r.lay.writes()}, {"channelvalue", t.r.lay.t["checkpoint_blobs"]}} {
		if !s.t.readable() || len(t.conv.Meta.ViewOfKeys) > 0 {
			continue
		}
		if err := t.r.eng.scan(ctx, s.t, []cell{t.id}, nil, take(s.kind, s.t)); err != nil {
			return err
		}
	}
	return nil
}

// head reads the newest checkpoint of the root graph for the conversation: its state in a word,
// and its messages.
func (t *thread) head(ctx context.Context, c *table, row []cell) error {
	w := t.r.lay.writes()
	var waiting, failed bool
	if w.readable() {
		rows, err := t.r.eng.query(ctx, "SELECT DISTINCT channel FROM "+w.ident+" WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ? AND idx < 0",
			t.id.arg(), row[c.col("checkpoint_ns")].arg(), row[c.col("checkpoint_id")].arg())
		if err != nil {
			return err
		}
		for _, r := range rows {
			waiting = waiting || r[0].String() == "__interrupt__"
			failed = failed || r[0].String() == "__error__"
		}
	}
	next, understood, err := t.headValues(ctx, c, row)
	if err != nil {
		return err
	}
	switch {
	case failed:
		t.conv.Status = "failed"
	case waiting:
		t.conv.Status = "waiting"
	case !understood:
	case next:
		t.conv.Status = "unfinished"
	default:
		t.conv.Status = "finished"
	}
	return nil
}

// maxView is the size of a value above which no view is made of it.
const maxView = 64 << 20

// headValues reads the messages of the head checkpoint, and whether a node is due to run.
func (t *thread) headValues(ctx context.Context, c *table, row []cell) (next, understood bool, err error) {
	doc, ser, err := t.doc(ctx, c, row)
	if err != nil || doc == nil {
		return false, false, err
	}
	cp, err := values.ParseCheckpoint(ser, doc)
	if err != nil || !tiles(cp, len(doc)) {
		return false, false, nil
	}
	t.conv.Meta.UpdatedUnixNano = parseTime(cp.TS)
	ns := row[c.col("checkpoint_ns")]
	h := &heads{t: t, ns: ns, ser: ser, doc: doc, spans: map[string]values.Span{}}
	for _, s := range cp.Inline {
		h.spans[s.Name] = s
	}
	if err := h.look(ctx); err != nil {
		return false, false, err
	}
	var chat []*pb.Message
	var from values.Channel
	for _, ch := range cp.Channels {
		if strings.HasPrefix(ch.Name, "branch:to:") || ch.Name == "__start__" {
			next = next || h.has(ch)
		}
		if strings.HasPrefix(ch.Name, "__") || strings.HasPrefix(ch.Name, "branch:") || from.Name == "messages" {
			continue
		}
		ms, err := h.chat(ctx, ch)
		if err != nil {
			return false, false, err
		}
		// The channel messages by custom; else the longest list, the first by name of two.
		if len(ms) > 0 && (ch.Name == "messages" || len(ms) > len(chat) || len(ms) == len(chat) && ch.Name < from.Name) {
			chat, from = ms, ch
		}
	}
	if len(chat) > 0 {
		t.message(chat, t.key("channelvalue", ns.String(), from.Name, from.Version), from.Name)
	}
	return next, true, nil
}

// heads finds the values of the head checkpoint.
type heads struct {
	t     *thread
	ns    cell
	ser   string
	doc   []byte
	spans map[string]values.Span
	rows  map[values.Channel]headRow
}

// A headRow is what is known of a blob row before its value is fetched.
type headRow struct {
	tag   string
	size  int64
	first byte
}

// look learns of all blob rows of the namespace at once what they are.
func (h *heads) look(ctx context.Context) error {
	b := h.t.r.lay.t["checkpoint_blobs"]
	if !b.readable() {
		return nil
	}
	rows, err := h.t.r.eng.query(ctx, "SELECT channel, version, type, coalesce(octet_length(blob), 0), substring(blob from 1 for 1) FROM "+b.ident+
		" WHERE thread_id = ? AND checkpoint_ns = ?", h.t.id.arg(), h.ns.arg())
	if err != nil {
		return err
	}
	h.rows = make(map[values.Channel]headRow, len(rows))
	for _, r := range rows {
		x := headRow{tag: r[2].String(), size: r[3].i}
		if len(r[4].b) > 0 {
			x.first = r[4].b[0]
		}
		h.rows[values.Channel{Name: r[0].String(), Version: r[1].String()}] = x
	}
	return nil
}

// has tells whether a version has a value.
func (h *heads) has(ch values.Channel) bool {
	if x, ok := h.rows[ch]; ok {
		return x.tag != "empty"
	}
	_, ok := h.spans[ch.Name]
	return ok
}

// chat is the list of messages that a channel holds; nil: it holds something else.
func (h *heads) chat(ctx context.Context, ch values.Channel) ([]*pb.Message, error) {
	tag, v := h.ser, []byte(nil)
	if x, ok := h.rows[ch]; ok {
		if opaque(x.tag) || x.size > maxView || !isList(x.first) {
			return nil, nil
		}
		var err error
		b := h.t.r.lay.t["checkpoint_blobs"]
		if v, err = h.t.r.eng.value(ctx, b, []cell{h.t.id, h.ns, textCell(ch.Name), textCell(ch.Version)}, "blob", 0, -1); err != nil {
			return nil, err
		}
		tag = x.tag
	} else if s, ok := h.spans[ch.Name]; ok && s.End-s.Start <= maxView && s.End > s.Start {
		v = h.doc[s.Start:s.End]
	}
	if len(v) == 0 || !isList(v[0]) {
		return nil, nil
	}
	ms, ok, err := values.Messages(tag, v)
	if err != nil || !ok {
		return nil, nil
	}
	return ms, nil
}

// isList tells whether a value is an array, in JSON or in msgpack, by its first byte: one message
// in a channel is no conversation.
func isList(b byte) bool { return b == '[' || b>>4 == 9 || b == 0xdc || b == 0xdd }

// message keeps the messages of the value key as views, to be emitted at the end of the thread.
func (t *thread) message(ms []*pb.Message, key, channel string) {
	used := map[string]bool{}
	parent := ""
	for i, m := range ms {
		id := t.key("message", m.NativeId)
		if m.NativeId == "" || used[id] {
			id = t.key("message", "position", fmt.Sprint(i+1))
		}
		used[id] = true
		m.Meta = &pb.Meta{Key: id, ViewOfKeys: []string{key}}
		if channel != "messages" {
			m.Meta.Labels = append(m.Meta.Labels, &pb.Label{Name: "channel", Value: valid(channel)})
		}
		m.ConversationKey, m.ParentKey, m.Position = t.key("conversation"), parent, uint64(i+1)
		parent = id
	}
	t.messages = ms
}
