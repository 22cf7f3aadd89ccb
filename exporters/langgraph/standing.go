package langgraph

import (
	"context"
	"strings"
)

// head reads the newest checkpoint of a graph for its conversation: its state in a word, and its
// messages.
func (t *thread) head(ctx context.Context, v *view, c *table, row []cell) error {
	p, err := t.headValues(ctx, v, c, row)
	if err != nil {
		return err
	}
	s, err := t.standing(ctx, row[c.col("checkpoint_ns")], row[c.col("checkpoint_id")], p)
	if err != nil {
		return err
	}
	v.conv.Meta.ViewOfKeys = append(v.conv.Meta.ViewOfKeys, s.writes...)
	switch {
	case t.rootless(): // the runtime shows no state of it
	case s.failed:
		v.conv.Status = "failed"
	case s.waiting:
		v.conv.Status = "waiting"
	case s.erred:
		v.conv.Status = "failed"
	case !p.next && !p.sure:
	case p.next:
		v.conv.Status = "unfinished"
	default:
		v.conv.Status = "finished"
	}
	return nil
}

// rootless tells whether the graph that all others run in has no checkpoint: a thread was deleted while one inside it still
// wrote. Nobody can go on there, or answer.
func (t *thread) rootless() bool {
	_, ok := t.heads[""]
	return !ok
}

// A prospect is what is due at a checkpoint, by what its channels hold.
type prospect struct {
	next  bool            // a node is due
	sure  bool            // no node is due that only the program knows of
	built bool            // the library's builders made the graph: it begins with their channel
	by    map[string]bool // channels; true: a node is due by it, or may be
}

// standing is how the tasks of a checkpoint stand.
type standing struct {
	waiting bool     // one asks
	failed  bool     // one failed, and did nothing since
	erred   bool     // one failed at some time: the library leaves the error of a task that ran again and went well
	writes  []string // keys of what says so and of what else was written, questions first; not all of very many
}

// doing is what one task wrote.
type doing struct {
	failed, asks, resumed, wrote bool
	handled                      bool   // a handler of its error was started
	sends                        bool   // it wrote Sends
	path                         string // empty: the library keeps none
}

// handler ends the path of a task that handles the error of another.
const handler = ", node_error_handler, 0000000000"

// called tells by its path whether another task called a task, which no state of the runtime shows by itself. Without one, spare does.
func called(path string) bool {
	by, ok := strings.CutPrefix(path, push)
	return ok && strings.HasPrefix(by, "~")
}

// mostNamed is how long the keys of the writes are, in bytes, that the view of a thread names: a record has a limit, and these
// are of some 20,000 tasks. A target tries each of them: any may be the one that a rule keeps out.
const mostNamed = 4 << 20

// standing looks at the writes of a checkpoint. What a task left there counts where the runtime would start it again.
func (t *thread) standing(ctx context.Context, ns, id cell, p prospect) (s standing, err error) {
	w := t.r.lay.writes()
	if !w.readable() {
		return s, nil
	}
	path := "''"
	if w.col("task_path") >= 0 {
		path = "task_path"
	}
	rows, err := t.r.eng.query(ctx, "SELECT task_id, idx, channel, "+path+" FROM "+w.ident+" WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ? ORDER BY channel <> ?, task_id, idx",
		t.id.arg(), ns.arg(), id.arg(), channelInterrupt)
	tasks, handles := map[string]*doing{}, map[string]bool{}
	for _, r := range rows {
		d := tasks[r[0].String()]
		if d == nil {
			d = &doing{path: r[3].String()}
			tasks[r[0].String()] = d
		}
		switch r[2].String() { // by name: JavaScript's checkpoint-sqlite 0.1 counted what tells of a task among its other writes
		case channelError: // of a task that a task called, the caller fails too, or did something about it
			d.failed = !called(d.path)
			continue
		case channelInterrupt:
			d.asks = true
		case channelResume:
			d.resumed = true
		case "__error_source_node__":
			d.handled = true
		case "__scheduled__":
		default:
			d.wrote = true
			d.sends = d.sends || r[2].String() == channelSends
		}
		key := t.key("pendingwrite", ns.String(), id.String(), r[0].String(), r[1].String())
		if t.named += len(key); t.named <= mostNamed {
			s.writes = append(s.writes, key)
		}
	}
	g := &group{ns: ns.String(), id: id.String()}
	if err == nil {
		err = t.stranded(ctx, g, p, tasks)
	}
	if err == nil {
		err = t.spare(ctx, g, tasks)
	}
	for _, d := range tasks {
		handles[nodeOf(d.path)] = handles[nodeOf(d.path)] || d.asks && !d.failed && strings.HasSuffix(d.path, handler)
	}
	all := tasks[noTask]
	for _, d := range tasks {
		s.waiting, s.erred = s.waiting || d.asks, s.erred || d.failed
		// Without an answer nothing can have failed behind the question: the task failed first, and ran again. Beside one it may
		// have failed first, too, and asked for more since; no row says which question an answer was to.
		again := d.asks && !d.resumed && (all == nil || !all.resumed)
		s.failed = s.failed || d.failed && !d.wrote && !again && !(d.handled && handles[nodeOf(d.path)])
	}
	return s, err
}
