package langgraph

import (
	"cmp"
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
	sent   []string // nodes that the Sends at the checkpoint start; nil: not looked for yet
	runs   *runs    // nil: not looked for yet
}

type task struct {
	wrote, resumed bool
	failed         string // key of the write of its error; empty: it has none
	answer         *pb.Data
}

// An asking is an __interrupt__ write.
type asking struct {
	task, idx, key string // task id and index of the write; its key
	path           string // of the task, where the library writes it
	by             string // the node that asks; empty: nothing says it
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
			if err := t.interrupts(ctx, g); err != nil {
				return true, err
			}
			g = nil
		}
		if g == nil {
			g = &group{ns: ns, id: id, tasks: map[string]*task{}}
		}
		return false, t.write(ctx, g, &writeRow{w, row, value})
	})
	if err != nil || g == nil {
		return err
	}
	return t.interrupts(ctx, g)
}

// A writeRow is a row of writes, and the name of the column that has its value.
type writeRow struct {
	w     *table
	row   []cell
	value string
}

func (x *writeRow) cell(col string) cell { return x.row[x.w.col(col)] }

// write emits one row of writes.
func (t *thread) write(ctx context.Context, g *group, x *writeRow) error {
	tid, idx, ch := x.cell("task_id").String(), x.cell("idx"), x.cell("channel").String()
	ser := x.cell("type").String()
	if x.cell("type").isNull() {
		ser = "json" // what the runtime assumes
	}
	p := &pb.PendingWrite{
		Meta:          agentstate.Meta("pendingwrite", nil, t.name, g.ns, g.id, tid, idx.String()),
		CheckpointKey: t.key("checkpoint", g.ns, g.id),
		TaskId:        valid(tid), Index: idx.i, Channel: valid(ch), Serializer: valid(x.cell("type").String()),
		Value: t.r.data(x.w, x.row, x.value, media(ser)),
	}
	if i := x.w.col("task_path"); i >= 0 {
		p.TaskPath = valid(x.row[i].String())
	}
	p.Meta.Native = []*pb.Native{t.r.native(x.w, x.row, map[string]*pb.Column{x.value: cite(x.cell(x.value), "#value")})}
	if opaque(ser) {
		t.sealed["pendingwrite"]++
	}
	if err := t.note(ctx, g, x, p, ser); err != nil {
		return err
	}
	return t.out.Give(p)
}

// note keeps what the interrupts of a checkpoint depend on.
func (t *thread) note(ctx context.Context, g *group, x *writeRow, p *pb.PendingWrite, ser string) error {
	k := g.task(p.TaskId)
	switch p.Channel {
	case channelError:
		k.failed = p.Meta.Key
	case "__scheduled__":
	case channelResume:
		k.resumed = true
		if b := x.cell(x.value); !b.big && !opaque(ser) {
			k.answer = agentstate.Inline("application/json", values.JSON(ser, b.b, agentstate.SpillSize))
		}
	case channelInterrupt:
		var what []values.Interrupt
		if !opaque(ser) {
			b, err := t.bytes(ctx, x.w, x.row, x.value, maxView)
			if err != nil {
				return err
			}
			what, _ = values.Interrupts(ser, b)
		}
		if len(what) == 0 {
			what = []values.Interrupt{{}} // something is asked; the write itself says what
		}
		g.asked = append(g.asked, &asking{task: p.TaskId, path: p.TaskPath, idx: x.cell("idx").String(), key: p.Meta.Key, what: what})
	default:
		if p.Index >= 0 {
			k.wrote = true
		}
	}
	return nil
}

// interrupts emits what the tasks of a checkpoint asked. What a subgraph asks stands in the writes
// of each graph around it too, under one id: the outermost is emitted.
func (t *thread) interrupts(ctx context.Context, g *group) error {
	by := map[string]string{} // by the id of an interrupt: a task that a node calls may ask in its name
	for _, a := range g.asked {
		var err error
		if a.by, err = t.askedBy(ctx, g, a); err != nil {
			return err
		}
		for _, w := range a.what {
			by[w.ID] = cmp.Or(by[w.ID], a.by)
		}
	}
	for _, a := range g.asked {
		for n, w := range a.what {
			id := w.ID
			if id == "" {
				id = w.Place
			}
			if id != "" && t.asked[id] {
				continue
			}
			t.asked[id] = true
			i := &pb.Interrupt{
				Meta:            agentstate.Meta("interrupt", nil, t.name, g.ns, g.id, a.task, a.idx, fmt.Sprint(n)),
				ConversationKey: t.key("conversation"), CheckpointKey: t.key("checkpoint", g.ns, g.id),
				NativeId: valid(w.ID), AskedBy: a.by,
			}
			i.Meta.ViewOfKeys = []string{a.key}
			if a.by == "" && w.ID != "" {
				i.AskedBy = by[w.ID]
			}
			if w.Value != nil {
				i.Question = agentstate.Inline("application/json", w.Value)
			}
			for _, o := range w.Options {
				i.Options = append(i.Options, valid(o))
			}
			t.status(g, a, i)
			if err := t.out.Give(i); err != nil {
				return err
			}
		}
	}
	return nil
}

// askedBy is the node that asks; empty where nothing says it.
func (t *thread) askedBy(ctx context.Context, g *group, a *asking) (string, error) {
	if node := nodeOf(a.path); node != "" {
		return node, nil
	}
	if node := t.nodes[a.task]; node != "" {
		return valid(node), nil
	}
	if node, err := t.sentTo(ctx, g, a.path); node != "" || err != nil {
		return node, err
	}
	if node := t.next[hashOf(g.ns, g.id)]; node != "" || t.r.lay.lang != javascript {
		return node, nil
	}
	return t.runsIt(ctx, g, a.task)
}

// nodeOf is the node in a task path: of a task that a node is, or of one that a node called. Of a task that a Send
// started sentTo knows it.
func nodeOf(path string) string {
	const pull = "~__pregel_pull, "
	node, ok := strings.CutPrefix(path, pull)
	if !ok {
		if node, ok = strings.CutPrefix(path, push+pull); !ok {
			return ""
		}
		for range 2 { // the numbers of the call
			node = node[:max(strings.LastIndex(node, ", "), 0)]
		}
	}
	return strings.TrimSuffix(node, handler) // what handles the node's errors asks in its name
}

// status tells whether an interrupt still waits. It is over when the graph went on to another
// checkpoint, or cannot go on from this one; an answer that the task has not finished with is not consumed.
func (t *thread) status(g *group, a *asking, i *pb.Interrupt) {
	k, all := g.task(a.task), g.tasks[noTask]
	if k.answer != nil {
		i.Answer = k.answer
	} else if all != nil {
		i.Answer = all.answer
	}
	answered := k.resumed || all != nil && all.resumed
	switch {
	case t.heads[g.ns] != g.id || t.rootless() || t.strand[hashOf(g.ns)] || t.strand[hashOf(g.ns, a.task)]:
		i.Status = pb.Interrupt_STATUS_CLOSED
	case k.wrote:
		i.Status = pb.Interrupt_STATUS_ANSWERED
	case answered && k.failed != "": // where the error does not arrive the task waits again
		i.Status = pb.Interrupt_STATUS_ANSWERED
		i.Meta.ViewOfKeys = append(i.Meta.ViewOfKeys, k.failed)
	default:
		// Also when an earlier question of the same task was answered: the runtime shows the
		// task as waiting.
		i.Status = pb.Interrupt_STATUS_OPEN
		i.Answer = nil
	}
}
