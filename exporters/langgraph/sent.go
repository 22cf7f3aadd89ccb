package langgraph

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
)

// push is how the path of a task begins that a Send or another task started.
const push = "~__pregel_push, "

// sentTo is the node of a task at g that a Send started, or a task inside it: the path has the place of the Send in
// the list at its checkpoint. Empty: nothing says it.
func (t *thread) sentTo(ctx context.Context, g *group, path string) (string, error) {
	path, ok := strings.CutPrefix(path, push)
	for more := ok; more; {
		path, more = strings.CutPrefix(path, push)
	}
	place, _, _ := strings.Cut(path, ",")
	n, err := strconv.ParseUint(place, 10, 32)
	if !ok || err != nil {
		return "", nil
	}
	if g.sent == nil {
		if g.sent, err = t.sentAt(ctx, g.ns, g.id); err != nil {
			return "", err
		}
	}
	if n >= uint64(len(g.sent)) {
		return "", nil
	}
	return valid(g.sent[n]), nil
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
