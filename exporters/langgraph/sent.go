package langgraph

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Labels of checkpoints below version 4. The libraries look for their sends in the writes of the parent; in SQLite Python's
// and JavaScript's first saver there look in the document alone.
const (
	labelSends   = "sends_in_parent"         // its sends stand there: the key of one, in the order in which they run
	labelSettled = "sends_of_parent_settled" // what stands there does not wait at it
	labelOwn     = "sends_not_in_parent"     // its sends stand in its document alone
)

// sends labels the checkpoint of d by what its parent sent.
func (t *thread) sends(ctx context.Context, d *document) error {
	if d.parsed.V >= 4 || d.parent.isNull() {
		return nil
	}
	if t.r.lay.engine == "postgres" || t.r.lay.lang == javascript {
		err := t.sent(ctx, d)
		if err == nil && t.r.lay.engine == "sqlite" && d.parsed.PendingSends && labelOf(d.cp, labelSends) == "" {
			d.cp.Meta.Labels = append(d.cp.Meta.Labels, &pb.Label{Name: labelOwn, Value: "true"})
		}
		return err
	}
	wrote, err := t.wrote(ctx, d.ns, channelSends, &d.parent)
	if err != nil || wrote == d.parsed.PendingSends {
		return err
	}
	name := labelSettled
	if d.parsed.PendingSends {
		name = labelOwn
	}
	d.cp.Meta.Labels = append(d.cp.Meta.Labels, &pb.Label{Name: name, Value: "true"})
	return nil
}

// sent labels the checkpoint of d with what its parent sent.
func (t *thread) sent(ctx context.Context, d *document) error {
	w := t.r.lay.writes()
	if !w.readable() {
		return nil
	}
	order := "task_id, idx"
	if w.col("task_path") >= 0 {
		order = "task_path, " + order
	}
	rows, err := t.r.eng.query(ctx, "SELECT task_id, idx FROM "+w.ident+" WHERE thread_id = ? AND checkpoint_ns = ? AND channel = ? AND checkpoint_id = ? ORDER BY "+order,
		t.id.arg(), d.ns, channelSends, d.parent.String())
	for _, r := range rows {
		key := t.key("pendingwrite", d.ns, d.parent.String(), r[0].String(), r[1].String())
		d.cp.Meta.Labels = append(d.cp.Meta.Labels, &pb.Label{Name: labelSends, Value: key})
	}
	return err
}

// sendsWait tells whether tasks that Sends started run next, beside the nodes that do, and the one node of all of them;
// empty: they are of several, or it is not known.
func (t *thread) sendsWait(d *document) (node string, wait bool) {
	if d.parsed.PendingSends || labelOf(d.cp, labelSends) != "" {
		return "", true
	}
	for _, s := range d.parsed.Inline {
		if b := d.bytes[s.Start:s.End]; s.Name == channelSends {
			return only(values.SentTo(d.ser, b)), values.Holds(d.ser, b)
		}
	}
	for _, ch := range d.parsed.Channels {
		if ch.Name == channelSends {
			node, wait = t.sending[hashOf(d.ns, ch.Version)]
			return node, wait
		}
	}
	return "", false
}

// only is what all of names are; empty: they are several, or none.
func only(names []string) string {
	if len(names) == 0 || slices.ContainsFunc(names, func(n string) bool { return n != names[0] }) {
		return ""
	}
	return names[0]
}

// channelSends is the channel of Sends.
const channelSends = "__pregel_tasks"

// push is how the path of a task begins that a Send or another task started.
const push = "~__pregel_push, "

// sentTo is the node of a task at g that a Send started, or a task inside it: the path has the place of the Send in
// the list at its checkpoint. Empty: nothing says it.
func (t *thread) sentTo(ctx context.Context, g *group, path string) (string, error) {
	n, ok := placeOf(path)
	if !ok {
		return "", nil
	}
	if g.sent == nil {
		var err error
		if g.sent, err = t.sentAt(ctx, g.ns, g.id); err != nil {
			return "", err
		}
	}
	if n >= uint64(len(g.sent)) {
		return "", nil
	}
	return valid(g.sent[n]), nil
}

// placeOf is the place of a Send in the path of the task that it started, or of a task inside it; false: it was none.
func placeOf(path string) (uint64, bool) {
	path, ok := strings.CutPrefix(path, push)
	for more := ok; more; {
		path, more = strings.CutPrefix(path, push)
	}
	place, _, _ := strings.Cut(path, ",")
	n, err := strconv.ParseUint(place, 10, 32)
	return n, ok && err == nil
}

// sentAt are the nodes that the Sends in a checkpoint start; never nil.
func (t *thread) sentAt(ctx context.Context, ns, id string) ([]string, error) {
	out := []string{}
	c := t.r.lay.t["checkpoints"]
	if !c.readable() {
		return out, nil
	}
	err := t.r.eng.scan(ctx, c, []cell{t.id, textCell(ns), textCell(id)}, nil, func(row []cell) (bool, error) {
		doc, ser, err := t.doc(ctx, c, row)
		if err != nil {
			return true, err
		}
		cp, err := values.ParseCheckpoint(ser, doc)
		if err != nil || !tiles(cp, len(doc)) {
			return true, nil
		}
		isSends := func(name string) bool { return name == channelSends }
		if i := slices.IndexFunc(cp.Inline, func(s values.Span) bool { return isSends(s.Name) }); i >= 0 {
			out = append(out, values.SentTo(ser, doc[cp.Inline[i].Start:cp.Inline[i].End])...)
			return true, nil
		}
		i := slices.IndexFunc(cp.Channels, func(ch values.Channel) bool { return isSends(ch.Name) })
		if b := t.r.lay.t["checkpoint_blobs"]; i >= 0 && b.readable() {
			rows, err := t.r.eng.query(ctx, "SELECT type, blob FROM "+b.from("")+" WHERE thread_id = ? AND checkpoint_ns = ? AND channel = ? AND version = ? AND octet_length(blob) <= "+
				strconv.Itoa(maxView), t.id.arg(), ns, channelSends, cp.Channels[i].Version)
			for _, r := range rows {
				out = append(out, values.SentTo(r[0].String(), r[1].b)...)
			}
			return true, err
		}
		return true, nil
	})
	return out, err
}
