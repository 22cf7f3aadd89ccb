package langgraph

import (
	"context"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// hash is a short digest, for sets that hold one entry a channel version.
type hash [16]byte

func hashOf(parts ...string) hash {
	b := make([]byte, 0, 256)
	for _, p := range parts {
		b = strconv.AppendInt(b, int64(len(p)), 10)
		b = append(append(b, ':'), p...)
	}
	sum := sha256.Sum256(b)
	return hash(sum[:16])
}

// A thread is what must be remembered while one thread is read: digests and names, no values.
type thread struct {
	r      *reading
	out    giving
	sealed map[string]uint64 // values that were not understood, by kind
	id     cell
	name   string // id as it stands in keys

	heads    map[string]string // newest checkpoint id by namespace
	values   map[hash]hash     // (namespace, channel, version) → digest of the first bytes seen
	others   map[hash]bool     // further bytes under a version that was seen
	rows     map[hash]bool     // PostgreSQL: blob rows; true: with a value
	valued   map[hash]bool     // (namespace, channel) that has a value somewhere
	intro    map[hash]bool     // versions that a checkpoint has named
	present  map[hash]bool     // checkpoint ids that are there
	next     map[hash]string   // checkpoint → the one node that runs next
	sending  map[hash]string   // (namespace, version) under which a row has Sends → the one node that they start
	due      map[hash]bool     // PostgreSQL: rows of triggers by which a node is due
	asked    map[string]bool   // interrupt ids that have a record
	strand   map[hash]bool     // (namespace, task) that the runtime does not start again at the newest checkpoint; (namespace): none in it
	parents  map[hash]hash     // checkpoint → its parent
	holder   map[hash]hash     // (namespace, channel, version) → checkpoint that held it first
	delta    map[hash]bool     // (namespace, channel) that is rebuilt from writes
	top      map[string]int64  // JavaScript: how far was counted, by namespace
	behind   map[hash]bool     // ends of branches that another branch is ahead of
	furthest map[string]int64  // how far branches counted, by namespace; absent: there are none

	nodes    map[string]string  // task → the node that it runs, of tasks that are graphs
	named    int                // bytes of keys of writes in the view of the thread
	views    []*view            // what was said: by the root graph, and by graphs inside it
	root     cell               // the root graph's namespace
	newest   *values.Checkpoint // of the root graph, parsed for the conversation; nil: not
	newestID hash
}

func (t *thread) key(kind string, parts ...string) string {
	return agentstate.Key(kind, append([]string{t.name}, parts...)...)
}

func beginThread(r *reading, id cell) *thread {
	return &thread{
		r: r, id: id, name: id.String(), heads: map[string]string{}, sealed: map[string]uint64{},
		values: map[hash]hash{}, others: map[hash]bool{}, rows: map[hash]bool{}, valued: map[hash]bool{},
		intro: map[hash]bool{}, present: map[hash]bool{}, next: map[hash]string{}, sending: map[hash]string{}, due: map[hash]bool{}, asked: map[string]bool{}, strand: map[hash]bool{}, delta: map[hash]bool{},
		parents: map[hash]hash{}, holder: map[hash]hash{}, nodes: map[string]string{}, top: map[string]int64{}, behind: map[hash]bool{}, furthest: map[string]int64{},
	}
}

// read gives out everything of the thread.
func (t *thread) read(ctx context.Context, out giving) error {
	t.out = out
	if err := t.conversation(ctx); err != nil {
		return err
	}
	if b := t.r.lay.t["checkpoint_blobs"]; b.readable() {
		if err := t.r.eng.scan(ctx, b, []cell{t.id}, nil, func(row []cell) (bool, error) { return false, t.blobRow(b, row) }); err != nil {
			return err
		}
	}
	if c := t.r.lay.t["checkpoints"]; c.readable() {
		if err := t.branches(ctx, c); err != nil {
			return err
		}
		if err := t.r.eng.scan(ctx, c, []cell{t.id}, nil, func(row []cell) (bool, error) { return false, t.checkpoint(ctx, c, row) }); err != nil {
			return err
		}
	}
	if err := t.pendingWrites(ctx); err != nil {
		return err
	}
	for _, v := range t.views {
		for _, m := range v.messages {
			if err := t.out.Give(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// media is the media type of a serializer's bytes; empty where they are not understood.
func media(serializer string) string {
	switch serializer {
	case "json":
		return "application/json"
	case "msgpack":
		return "application/vnd.msgpack"
	case "bytes", "bytearray":
		return "application/octet-stream"
	}
	return ""
}

// opaque tells whether a value with this tag is carried without being understood.
func opaque(serializer string) bool {
	switch serializer {
	case "json", "msgpack", "null", "bytes", "bytearray", "empty":
		return false
	}
	return true
}

// label is text for a Label or another string field: the runtime's text where it is valid.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// blobRow emits a row of checkpoint_blobs.
func (t *thread) blobRow(b *table, row []cell) error {
	ns, ch, ver := row[b.col("checkpoint_ns")].String(), row[b.col("channel")].String(), row[b.col("version")].String()
	ser := row[b.col("type")].String()
	v := &pb.ChannelValue{
		Meta:    agentstate.Meta("channelvalue", nil, t.name, ns, ch, ver),
		Channel: valid(ch), Version: valid(ver), Serializer: valid(ser), Namespace: valid(ns),
		ConversationKey: t.key("conversation"),
		Value:           t.r.data(b, row, "blob", media(ser)),
	}
	v.Meta.Native = []*pb.Native{t.r.native(b, row, map[string]*pb.Column{"blob": cite(row[b.col("blob")], "#value")})}
	if opaque(ser) {
		t.sealed["channelvalue"]++
	}
	if x := row[b.col("blob")]; ch == channelSends && (x.big || values.Holds(ser, x.b)) {
		t.sending[hashOf(ns, ver)] = only(values.SentTo(ser, x.b))
	}
	has := ser != "empty"
	if x := row[b.col("blob")]; has && values.NodeOf(ch, 0) != "" {
		t.due[hashOf(ns, ch, ver)] = x.big || values.Due(ch, ser, x.b)
	}
	t.rows[hashOf(ns, ch, ver)] = has
	if has {
		t.valued[hashOf(ns, ch)] = true
	}
	return t.out.Give(v)
}

// A document is that of a checkpoint, read.
type document struct {
	c               *table
	row             []cell
	ns              string
	parent          cell // the id of the checkpoint before; NULL: there is none
	cp              *pb.Checkpoint
	parsed          *values.Checkpoint
	ser             string
	bytes, metadata []byte
}

// checkpoint emits a row of checkpoints, and before it the channel values that it is the first to
// hold.
func (t *thread) checkpoint(ctx context.Context, c *table, row []cell) error {
	ns, id := row[c.col("checkpoint_ns")].String(), row[c.col("checkpoint_id")].String()
	t.present[hashOf(ns, id)] = true
	cp := &pb.Checkpoint{
		Meta:            agentstate.Meta("checkpoint", nil, t.name, ns, id),
		ConversationKey: t.key("conversation"), Namespace: valid(ns), NativeId: valid(id),
		ReplayClass: pb.ReplayClass_REPLAY_CLASS_SAME_RUNTIME,
	}
	parent := row[c.col("parent_checkpoint_id")]
	if !parent.isNull() {
		cp.ParentKey = t.key("checkpoint", ns, parent.String())
		t.parents[hashOf(ns, id)] = hashOf(ns, parent.String())
	}
	md := t.metadata(ctx, c, row, cp)

	over, sending, sentTo := map[string]*pb.Column{}, false, ""
	doc, ser, err := t.doc(ctx, c, row)
	if err != nil {
		return err
	}
	parsed := t.newest
	if t.newestID != hashOf(ns, id) || parsed == nil {
		if parsed, err = values.ParseCheckpoint(ser, doc); err != nil || !tiles(parsed, len(doc)) {
			parsed = nil
		}
	}
	if doc != nil && parsed != nil {
		cp.Meta.CreatedUnixNano = parseTime(parsed.TS)
		d := &document{c, row, ns, parent, cp, parsed, ser, doc, md}
		if err := t.sends(ctx, d); err != nil {
			return err
		}
		t.ahead(d, id)
		sentTo, sending = t.sendsWait(d)
		pieces, err := t.channels(ctx, d)
		if err != nil {
			return err
		}
		if pieces != nil {
			over["checkpoint"] = &pb.Column{Value: &pb.Column_Splice{Splice: &pb.Splice{
				Pieces: pieces, Text: row[c.col("checkpoint")].kind == text,
			}}}
		}
		if err := t.lost(ctx, d); err != nil {
			return err
		}
		// By name: JSONB keeps no order, so the document's own is that of one database.
		slices.SortStableFunc(cp.Channels, func(a, b *pb.ChannelRef) int { return strings.Compare(a.Channel, b.Channel) })
		slices.Sort(cp.NextNodes)
	} else {
		t.sealed["checkpoint"]++
	}
	cp.Meta.Native = []*pb.Native{t.r.native(c, row, over)}
	next := cp.NextNodes
	if sending {
		next = append(slices.Clone(next), sentTo)
	}
	if node := only(next); node != "" {
		t.next[hashOf(ns, id)] = valid(node)
	}
	return t.out.Give(cp)
}

// Channels of what a task failed with, of what it asks, and of what it was answered.
const (
	channelError     = "__error__"
	channelInterrupt = "__interrupt__"
	channelResume    = "__resume__"
)

// maxDoc is the size above which a checkpoint's document is carried whole and not looked into.
const maxDoc = 512 << 20

// doc is the checkpoint document of row and its serializer; nil when it is encrypted, NULL or too
// big to be looked into.
func (t *thread) doc(ctx context.Context, c *table, row []cell) ([]byte, string, error) {
	ser := "json"
	if typ := row[c.col("type")]; t.r.lay.engine == "sqlite" && !typ.isNull() {
		ser = typ.String()
	}
	if opaque(ser) || row[c.col("checkpoint")].size > maxDoc {
		return nil, ser, nil
	}
	b, err := t.bytes(ctx, c, row, "checkpoint", 0)
	return b, ser, err
}

// bytes is the whole value of a column, as of a reading; a big one is read when all threads before are.
func (t *thread) bytes(ctx context.Context, c *table, row []cell, col string, limit int64) ([]byte, error) {
	if x := row[c.col(col)]; x.big && (limit == 0 || x.size <= limit) {
		if err := t.out.First(); err != nil {
			return nil, err
		}
	}
	return t.r.bytes(ctx, c, row, col, limit)
}

// metadata maps the metadata column.
func (t *thread) metadata(ctx context.Context, c *table, row []cell, cp *pb.Checkpoint) []byte {
	b, err := t.bytes(ctx, c, row, "metadata", agentstate.SpillSize)
	if err != nil || b == nil {
		return nil
	}
	md, err := values.ParseMetadata(b)
	if err != nil {
		return nil
	}
	cp.Source, cp.Step = valid(md.Source), md.Step
	cp.Meta.Labels = labels(md)
	return b
}

// tiles tells whether the spans lie one after the other inside n bytes.
func tiles(cp *values.Checkpoint, n int) bool {
	at := 0
	for _, s := range cp.Inline {
		if s.Start < at || s.End < s.Start || s.End > n {
			return false
		}
		at = s.End
	}
	return true
}

// labels are the caller's own metadata of a checkpoint, by name: JSONB keeps no order.
func labels(md values.Metadata) []*pb.Label {
	var out []*pb.Label
	if md.RunID != "" {
		out = append(out, &pb.Label{Name: "run_id", Value: valid(md.RunID)})
	}
	for _, l := range md.Extra {
		if slices.Contains([]string{labelSends, labelSettled, labelOwn, labelAhead}, l.Name) {
			continue // they say something else here; the row has it
		}
		out = append(out, &pb.Label{Name: valid(l.Name), Value: valid(l.Value)})
	}
	slices.SortStableFunc(out, func(a, b *pb.Label) int { return strings.Compare(a.Name, b.Name) })
	return out
}
