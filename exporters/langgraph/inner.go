package langgraph

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxMetadata is the size above which metadata is not asked whether a graph is under way.
const maxMetadata = 64 << 10

// inner adds the conversations of the graphs inside the root graph that are still alive: those that
// are under way, waiting or failed, and those with a memory of their own. What a graph said that
// has ended is history, like the checkpoints before the newest. A graph that says only what the one
// around it says too has no conversation of its own. That of the thread names the newest checkpoints of
// all of them: the thread is as a whole what they are together.
func (t *thread) inner(ctx context.Context, c *table, first map[string]int64) error {
	root := t.root.String()
	meta, err := t.headMetadata(ctx, c, maxMetadata)
	if err != nil {
		return err
	}
	byNS := map[string]*view{root: t.views[0]}
	for _, ns := range slices.Sorted(maps.Keys(t.heads)) { // the outer ones first
		if ns != root && t.left(ns, meta[ns]) {
			t.strand[hashOf(ns)] = true
			continue
		}
		if ns == root || !t.alive(ns, meta[ns]) {
			continue
		}
		v := t.view(ns)
		if err := t.said(ctx, c, v, textCell(ns), first[ns]); err != nil {
			return err
		}
		whole := t.views[0].conv.Meta
		whole.ViewOfKeys = append(whole.ViewOfKeys, v.conv.Meta.ViewOfKeys...)
		around := byNS[root]
		for at := strings.LastIndexByte(ns, '|'); at >= 0; at = strings.LastIndexByte(ns[:at], '|') {
			if w := byNS[ns[:at]]; w != nil {
				around = w
				break
			}
		}
		if !says(v, around) {
			continue
		}
		v.conv.ParentKey, v.conv.Title = around.conv.Meta.Key, valid(nodePath(ns))
		byNS[ns] = v
		t.views = append(t.views, v)
	}
	return nil
}

// headMetadata is the metadata of the newest checkpoint of each namespace, where it is not above most bytes.
func (t *thread) headMetadata(ctx context.Context, c *table, most int) (map[string]values.Metadata, error) {
	text, id := "CAST(metadata AS BLOB)", "checkpoint_id"
	if t.r.lay.engine == "postgres" {
		text = "convert_to(metadata::text, 'UTF8')"
		if c.cols[c.col(id)].typ == "uuid" {
			id += "::text"
		}
	}
	rows, err := t.r.eng.query(ctx, "SELECT c.checkpoint_ns, m FROM (SELECT checkpoint_ns, "+id+" AS id, "+text+" AS m FROM "+c.from("")+
		" WHERE thread_id = ?) c JOIN (SELECT checkpoint_ns, max("+id+") AS id FROM "+c.from("")+" WHERE thread_id = ? GROUP BY checkpoint_ns) h"+
		" ON h.checkpoint_ns = c.checkpoint_ns AND h.id = c.id WHERE octet_length(m) <= "+strconv.Itoa(most), t.id.arg(), t.id.arg())
	if err != nil {
		return nil, err
	}
	out := map[string]values.Metadata{}
	for _, r := range rows {
		if md, err := values.ParseMetadata(r[1].b); err == nil {
			out[r[0].String()] = md
		}
	}
	return out, nil
}

// alive tells whether the graph with the namespace ns is part of the thread's newest state. A
// namespace with task ids is one run of a graph: it is under way while each graph around it stands
// at the checkpoint from which it was started. One without is a graph that remembers its runs.
func (t *thread) alive(ns string, md values.Metadata) bool {
	return !strings.Contains(ns, ":") || len(md.Parents) > 0 && !t.left(ns, md)
}

// left tells whether a graph around the one with the namespace ns went on without it.
func (t *thread) left(ns string, md values.Metadata) bool {
	return strings.Contains(ns, ":") && slices.ContainsFunc(md.Parents, func(p values.KV) bool { return t.heads[p.Name] != p.Value })
}

// says tells whether v holds a message that the conversation around it does not.
func says(v, around *view) bool {
	there := map[string]bool{}
	for _, m := range around.messages {
		there[m.NativeId] = true
	}
	return slices.ContainsFunc(v.messages, func(m *pb.Message) bool { return m.NativeId == "" || !there[m.NativeId] })
}

// nodePath is the nodes of a namespace, without their tasks: for people.
func nodePath(ns string) string {
	var out []string
	for p := range strings.SplitSeq(ns, "|") {
		node, _, _ := strings.Cut(p, ":")
		out = append(out, node)
	}
	return strings.Join(out, " / ")
}
