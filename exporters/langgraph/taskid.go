package langgraph

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
)

// JavaScript's library writes no path of a task. But the id of a task is a digest of what runs there, so that of the
// nodes that may run at a checkpoint the one of a task is known.

// runs are the nodes that may run at a checkpoint.
type runs struct {
	nodes map[string]string // by the id of the task
	by    map[string]string // the channel that starts a task, of those that one starts
	flow  string            // what calls all tasks there, of the functional API; empty: it is a graph, or not known
	all   bool              // nodes has all that the thread knows and that may run unless another task calls it
	known bool              // all, and no function begins there, which might be one that the thread does not know
}

// runsIt is the node of a task of JavaScript's library at g; empty: nothing says it.
func (t *thread) runsIt(ctx context.Context, g *group, task string) (string, error) {
	if g.runs == nil {
		var err error
		if g.runs, err = t.runsAt(ctx, g); err != nil {
			return "", err
		}
	}
	if node := g.runs.nodes[task]; node != "" {
		return valid(node), nil
	}
	return valid(g.runs.flow), nil
}

// runsAt are the nodes that may run at the checkpoint of g; never nil.
func (t *thread) runsAt(ctx context.Context, g *group) (*runs, error) {
	out := &runs{nodes: map[string]string{}, by: map[string]string{}}
	c := t.r.lay.t["checkpoints"]
	if !c.readable() {
		return out, nil
	}
	sent, err := t.sentAt(ctx, g.ns, g.id)
	if err != nil {
		return nil, err
	}
	return out, t.r.eng.scan(ctx, c, []cell{t.id, textCell(g.ns), textCell(g.id)}, nil, func(row []cell) (bool, error) {
		doc, ser, err := t.doc(ctx, c, row)
		if err != nil {
			return true, err
		}
		cp, err := values.ParseCheckpoint(ser, doc)
		if err != nil {
			return true, nil
		}
		b, err := t.bytes(ctx, c, row, "metadata", maxMetadata)
		if err != nil {
			return true, err
		}
		md, err := values.ParseMetadata(b)
		if err != nil || md.Step == nil {
			return true, nil
		}
		taskID := taskIDs(cp.ID, g.ns, *md.Step+1)
		for i, node := range sent {
			out.nodes[taskID(node, "__pregel_push", strconv.Itoa(i))] = node
		}
		pull := func(node, channel string) {
			id := taskID(node, "__pregel_pull", []string{channel})
			out.nodes[id], out.by[id] = node, channel
		}
		for _, ch := range cp.Channels {
			if node := values.NodeOf(ch.Name, cp.V); node != "" {
				pull(node, ch.Name)
			}
		}
		var flows []string
		for node, channel := range values.Seen(ser, doc) {
			if node == channelInterrupt { // what had been seen when somebody was asked
				continue
			}
			if pull(node, channel); channel == channelStart { // of a graph the node has that name, too
				flows = append(flows, node)
			}
		}
		// A function alone keeps what it gave before; other nodes may begin as it does.
		kept := slices.ContainsFunc(cp.Channels, func(c values.Channel) bool { return c.Name == "__previous__" })
		if node := only(flows); kept && node != channelStart {
			out.flow = node
		}
		// A graph alone begins with a node of that name. Below version 4 Sends stand elsewhere.
		out.all = cp.V >= 4 && (out.flow != "" || slices.Contains(flows, channelStart))
		out.known = out.all && out.flow == "" && md.Source == "loop"
		return true, nil
	})
}

// taskIDs gives the ids of the tasks of a step after a checkpoint, each by the node that it runs: UUIDs of version 5 in the checkpoint's.
func taskIDs(checkpoint, ns string, step int64) func(node, how string, by any) string {
	if ns != "" {
		ns += "|"
	}
	space, _ := hex.DecodeString(strings.ReplaceAll(checkpoint, "-", ""))
	return func(node, how string, by any) string {
		u := sha1.Sum(append(space[:len(space):len(space)], values.Script([]any{ns + node, strconv.FormatInt(step, 10), node, how, by})...))
		u[6], u[8] = u[6]&0x0f|0x50, u[8]&0x3f|0x80
		return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:16])
	}
}
