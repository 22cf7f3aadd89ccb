package langgraph

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// labelThread is on the view of a thread whose id is too long for a key.
const labelThread = "thread_id"

// A view is one conversation, and what was said in it.
type view struct {
	ns       string // of the graph
	conv     *pb.Conversation
	messages []*pb.Message
}

// view starts the conversation of the graph with the namespace ns: the thread's own, or one inside it.
func (t *thread) view(ns string) *view {
	v := &view{ns: ns, conv: &pb.Conversation{Meta: agentstate.Meta("conversation", nil, t.name)}}
	if len(t.views) > 0 {
		v.conv.Meta = agentstate.Meta("conversation", nil, t.name, ns)
	}
	if strings.Contains(v.conv.Meta.Key, "~") { // the key has not all of it
		v.conv.Meta.Labels = []*pb.Label{{Name: labelThread, Value: valid(t.name)}}
	}
	return v
}

// conversation emits the view of the thread as a whole, which has no row of its own, and those of the
// graphs inside it.
func (t *thread) conversation(ctx context.Context) error {
	c := t.r.lay.t["checkpoints"]
	v := t.view("")
	t.views = []*view{v}
	var first map[string]int64
	if c.readable() {
		var err error
		if first, err = t.newestOf(ctx, c); err != nil {
			return err
		}
		if len(t.heads) > 0 {
			if err := t.said(ctx, c, v, t.root, first[t.root.String()]); err != nil {
				return err
			}
		}
	}
	if len(v.conv.Meta.ViewOfKeys) == 0 {
		if err := t.remnant(ctx, v); err != nil {
			return err
		}
	}
	if len(t.heads) > 1 {
		if err := t.inner(ctx, c, first); err != nil {
			return err
		}
	}
	if len(t.heads) > 0 {
		if err := t.oddWrites(ctx, c, v.conv.Meta); err != nil {
			return err
		}
	}
	for _, v := range t.views {
		if n := len(v.messages); n > 0 {
			v.conv.HeadKey = v.messages[n-1].Meta.Key
		}
		if err := t.out.Give(v.conv); err != nil {
			return err
		}
	}
	return nil
}

// newestOf finds the newest checkpoint of each namespace, and when its first one was.
func (t *thread) newestOf(ctx context.Context, c *table) (first map[string]int64, err error) {
	id := c.asText("checkpoint_id")
	rows, err := t.r.eng.query(ctx, "SELECT checkpoint_ns, max("+id+"), min("+id+") FROM "+c.from("")+
		" WHERE thread_id = ? GROUP BY checkpoint_ns ORDER BY checkpoint_ns DESC", t.id.arg())
	if err != nil {
		return nil, err
	}
	first = map[string]int64{}
	for _, r := range rows {
		ns := r[0].String()
		t.heads[ns], first[ns] = r[1].String(), uuidTime(r[2].String())
		if node, task, ok := strings.Cut(ns[strings.LastIndexByte(ns, '|')+1:], ":"); ok {
			t.nodes[task] = node
		}
		t.root = r[0] // the last row is the shortest
	}
	return first, nil
}

// said fills v in from the newest checkpoint of its graph.
func (t *thread) said(ctx context.Context, c *table, v *view, ns cell, created int64) error {
	head := t.heads[ns.String()]
	v.conv.Meta.CreatedUnixNano, v.conv.Meta.UpdatedUnixNano = created, uuidTime(head)
	v.conv.Meta.ViewOfKeys = []string{t.key("checkpoint", ns.String(), head)}
	return t.r.eng.scan(ctx, c, []cell{t.id, ns, textCell(head)}, nil, func(row []cell) (bool, error) {
		return true, t.head(ctx, v, c, row)
	})
}

// remnant finds what is left of a thread without checkpoints.
func (t *thread) remnant(ctx context.Context, v *view) error {
	take := func(kind string, tab *table) func([]cell) (bool, error) {
		return func(row []cell) (bool, error) {
			var parts []string
			for _, k := range tab.keyOf(row)[1:] {
				parts = append(parts, k.String())
			}
			v.conv.Meta.ViewOfKeys = []string{t.key(kind, parts...)}
			return true, nil
		}
	}
	for _, s := range []struct {
		kind string
		t    *table
	}{{"pendingwrite", t.r.lay.writes()}, {"channelvalue", t.r.lay.t["checkpoint_blobs"]}} {
		if !s.t.readable() || len(v.conv.Meta.ViewOfKeys) > 0 {
			continue
		}
		if err := t.r.eng.scan(ctx, s.t, []cell{t.id}, nil, take(s.kind, s.t)); err != nil {
			return err
		}
	}
	return nil
}

// maxView is the size of a value above which no view is made of it.
const maxView = 64 << 20

// headValues reads the messages of the head checkpoint, and what is due to run.
func (t *thread) headValues(ctx context.Context, v *view, tab *table, row []cell) (p prospect, err error) {
	doc, ser, err := t.doc(ctx, tab, row)
	if err != nil || doc == nil {
		return p, err
	}
	cp, err := values.ParseCheckpoint(ser, doc)
	if err != nil || !tiles(cp, len(doc)) {
		return p, nil
	}
	v.conv.Meta.UpdatedUnixNano = parseTime(cp.TS)
	ns := row[tab.col("checkpoint_ns")]
	if v == t.views[0] {
		t.newest, t.newestID = cp, hashOf(ns.String(), row[tab.col("checkpoint_id")].String())
	}
	h := &heads{t: t, ns: ns, ser: ser, doc: doc, spans: map[string]values.Span{}}
	for _, s := range cp.Inline {
		h.spans[s.Name] = s
	}
	if err := h.look(ctx); err != nil {
		return prospect{}, err
	}
	inDoc := t.r.lay.lang == python && t.r.lay.engine == "sqlite"
	if p.next = cp.PendingSends; cp.V < 4 && !p.next && !inDoc { // its sends are in the parent's writes
		if parent := row[tab.col("parent_checkpoint_id")]; !parent.isNull() {
			if p.next, err = t.wrote(ctx, ns.String(), "__pregel_tasks", &parent); err != nil {
				return prospect{}, err
			}
		}
	}
	var c chats
	p.by, p.sure = map[string]bool{}, !values.OwnChannels(ser, doc, cp.V)
	for _, ch := range cp.Channels {
		due, unsure, err := h.due(ctx, ch, cp.V)
		if err != nil {
			return prospect{}, err
		}
		p.built = p.built || ch.Name == channelStart
		p.by[ch.Name] = due || unsure
		p.next, p.sure = p.next || due, p.sure && !unsure
		if ch.Name == "__pregel_tasks" && !p.next {
			b, tag, err := h.value(ctx, ch, false)
			if err != nil {
				return prospect{}, err
			}
			p.next = values.Holds(tag, b)
		}
		if err := c.look(ctx, h, ch, cp.V); err != nil {
			return prospect{}, err
		}
	}
	if c.keep(t, v, ns.String()) {
		return p, nil
	}
	for _, ch := range cp.Channels {
		if h.has(ch) || ephemeral(ch.Name) || len(v.messages) > 0 {
			continue
		}
		if err := t.replay(ctx, v, ns, row[tab.col("checkpoint_id")].String(), ch.Name); err != nil {
			return prospect{}, err
		}
	}
	return p, nil
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
	start []byte
}

// look learns of all blob rows of the namespace at once what they are.
func (h *heads) look(ctx context.Context) error {
	b := h.t.r.lay.t["checkpoint_blobs"]
	if !b.readable() {
		return nil
	}
	rows, err := h.t.r.eng.query(ctx, "SELECT channel, version, type, coalesce(octet_length(blob), 0), substring(blob from 1 for 40) FROM "+b.from("")+
		" WHERE thread_id = ? AND checkpoint_ns = ?", h.t.id.arg(), h.ns.arg())
	if err != nil {
		return err
	}
	h.rows = make(map[values.Channel]headRow, len(rows))
	for _, r := range rows {
		x := headRow{tag: r[2].String(), size: r[3].i, start: r[4].b}
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

// due tells whether a node is due by what ch holds in a checkpoint of version v. unsure: one may be, as the graph knows.
func (h *heads) due(ctx context.Context, ch values.Channel, v int64) (due, unsure bool, err error) {
	trigger := values.NodeOf(ch.Name, v) != ""
	if ch.Name == channelStart || !h.has(ch) || !trigger && v > 2 {
		return ch.Name == channelStart && h.has(ch), false, nil
	}
	b, tag, err := h.value(ctx, ch, true)
	if err != nil || !trigger {
		return false, err == nil && values.Ran(ch.Name, tag, b), err
	}
	due = values.Due(ch.Name, tag, b)
	return due, !due && b == nil && tag != "null", nil // one that is sealed, or too big
}

// chat is the list of messages that a channel holds; nil: it holds something else.
func (h *heads) chat(ctx context.Context, ch values.Channel) ([]*pb.Message, error) {
	v, tag, err := h.value(ctx, ch, whole(ch.Name))
	if err != nil || v == nil {
		return nil, err
	}
	if _, ok := h.rows[ch]; !ok {
		ms, _ := values.ChatAt(tag, h.doc, h.spans[ch.Name])
		return ms, nil
	}
	ms, _, err := values.Chat(tag, v)
	if err != nil {
		return nil, nil // it is carried as it is
	}
	return ms, nil
}

// value is the value of a channel and its serializer; nil: it has none, or one that is too big, sealed
// or, unless any, no list.
func (h *heads) value(ctx context.Context, ch values.Channel, any bool) (v []byte, tag string, err error) {
	if x, ok := h.rows[ch]; ok {
		if opaque(x.tag) || x.size > maxView || !isList(x.start) && !any {
			return nil, x.tag, nil
		}
		if x.size > agentstate.SpillSize {
			if err := h.t.out.First(); err != nil {
				return nil, x.tag, err
			}
		}
		b := h.t.r.lay.t["checkpoint_blobs"]
		v, err = h.t.r.eng.value(ctx, b, []cell{h.t.id, h.ns, textCell(ch.Name), textCell(ch.Version)}, "blob", 0, -1)
		tag = x.tag
	} else if s, ok := h.spans[ch.Name]; ok && s.End-s.Start <= maxView && s.End > s.Start {
		v, tag = h.doc[s.Start:s.End], h.ser
	}
	if err != nil || !isList(v) && !any {
		return nil, tag, err
	}
	return v, tag, nil
}

// isList tells by its first bytes whether a value is an array or a snapshot, in JSON or in msgpack:
// one message in a channel is no conversation.
func isList(b []byte) bool {
	return len(b) > 0 && (b[0] == '[' || b[0] == 0xdc || b[0] == 0xdd || b[0]>>4 == 9) || isSnapshot(b)
}

// isSnapshot tells by its first bytes whether a value is a snapshot of a delta channel.
func isSnapshot(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	if at := map[byte]int{0xc7: 2, 0xc8: 3, 0xc9: 5}[b[0]]; at > 0 { // extension 7, behind its length
		return len(b) > at && b[at] == 7
	}
	return bytes.HasPrefix(b, []byte(snapshotJSON))
}

// keep keeps the messages of a channel as views, to be emitted at the end of the thread. They are
// readings of one record, or each of its own.
func (t *thread) keep(v *view, ms []*pb.Message, channel string, of ...string) {
	used := map[string]bool{}
	var place []string // before a message's own id in keys
	if v != t.views[0] {
		place = []string{"ns", v.ns}
	}
	parent := ""
	for i, m := range ms {
		id := t.key("message", append(place, m.NativeId)...)
		if m.NativeId == "" || used[id] {
			id = t.key("message", append(place, "position", fmt.Sprint(i+1))...)
		}
		used[id] = true
		m.Meta = &pb.Meta{Key: id, ViewOfKeys: []string{of[min(i, len(of)-1)]}}
		if channel != "messages" {
			m.Meta.Labels = append(m.Meta.Labels, &pb.Label{Name: "channel", Value: valid(channel)})
		}
		m.ConversationKey, m.ParentKey, m.Position = v.conv.Meta.Key, parent, uint64(i+1)
		shorten(m)
		parent = id
	}
	v.messages = ms
}
