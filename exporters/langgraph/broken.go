package langgraph

import (
	"context"
	"errors"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A thread whose checkpoint is refused does not arrive whole, and then its writes would tell another
// story: a question without its checkpoint looks closed, and one of the checkpoint before looks open
// again, to people and to the runtime. Checkpoints come before writes, a thread's in the order of
// their ids, so it is known by then.
type lineage struct {
	at     [2]string                // thread and namespace of the checkpoint that came last
	newest string                   // id of the newest of them that the target takes; empty: none
	broken map[[2]string]*brokenRow // by thread and namespace: where one was refused
	gone   map[string]bool          // keys of those at at that were refused
	less   map[string][]string      // of those at at, by key: delta channels that show another state there
}

type brokenRow struct {
	refused map[string]bool // ids
	last    string          // the newest that was refused
	newest  string          // the newest that the target has
}

// checkpoint notes what became of a checkpoint.
func (l *lineage) checkpoint(at [2]string, id string, refused bool) {
	if at != l.at {
		l.at, l.newest = at, ""
		clear(l.gone)
		clear(l.less)
	}
	b := l.broken[at]
	switch {
	case refused && b == nil:
		if l.broken == nil {
			l.broken = map[[2]string]*brokenRow{}
		}
		l.broken[at] = &brokenRow{refused: map[string]bool{id: true}, last: id, newest: l.newest}
	case refused:
		b.refused[id], b.last = true, max(b.last, id)
	default:
		l.newest = max(l.newest, id)
		if b != nil {
			b.newest = max(b.newest, id)
		}
	}
}

// write is why a write is refused; empty: it is not.
func (l *lineage) write(at [2]string, id, channel string) string {
	b := l.broken[at]
	switch {
	case b == nil:
	case b.refused[id]:
		return "its checkpoint was refused, and the runtime reads a write with its checkpoint alone"
	case channel == channelInterrupt && id == b.newest && b.last > id:
		return "newer checkpoints of the thread were refused: what was answered since would look open again"
	}
	return ""
}

// place is thread, namespace and id of the checkpoint that r is, or that it was written at.
func (w *writer) place(ctx context.Context, r agentstate.Record) (at [2]string, id string, err error) {
	for _, c := range r.GetMeta().GetNative()[0].GetRow().GetColumns() {
		var to *string
		switch c.Name {
		case "thread_id":
			to = &at[0]
		case "checkpoint_ns":
			to = &at[1]
		case "checkpoint_id":
			to = &id
		default:
			continue
		}
		x, err := w.column(ctx, r, c)
		if err != nil {
			return at, id, err
		}
		*to = x.String()
	}
	return at, id, nil
}

// follow is write with the lineage kept: cross carries a record over, and what a broken thread cannot
// say truly is refused.
func (w *writer) follow(ctx context.Context, r agentstate.Record, cross func() (replay.Receipt, error)) (replay.Receipt, error) {
	p, isWrite := r.(*pb.PendingWrite)
	_, isCheckpoint := r.(*pb.Checkpoint)
	if !isWrite && !isCheckpoint || len(r.GetMeta().GetNative()) != 1 || isWrite && len(w.line.broken) == 0 {
		return cross()
	}
	at, id, err := w.place(ctx, r)
	if err != nil {
		return replay.Receipt{}, err
	}
	if isWrite {
		if why := w.line.write(at, id, p.Channel); why != "" && w.front.broken[threadOf(w.key)].key != w.key {
			return replay.Receipt{}, refuse("%s", why)
		}
		return cross()
	}
	noted, key := false, w.key
	if !w.guard { // others may have their turn until the database answers, and without rules it does not say no
		w.taken = func() {
			noted = true
			w.line.checkpoint(at, id, false)
		}
	}
	rc, err := cross()
	w.taken = nil
	var no refusal
	refused := errors.As(err, &no) || rc.Action == replay.Refused
	if err == nil && !noted || refused {
		w.line.checkpoint(at, id, refused)
	}
	if refused {
		if w.line.gone == nil {
			w.line.gone, w.line.less = map[string]bool{}, map[string][]string{}
		}
		w.line.gone[key] = true
	}
	return rc, err
}
