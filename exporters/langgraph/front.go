package langgraph

import (
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A crossed is a checkpoint in the form of the other database.
type crossed struct {
	row    map[string]cell
	losses []fidelity.Loss
	extras []outRow
}

// A thread that the target could take without its newest checkpoint would go on from an older one, and
// do again what was done since. So the newest checkpoints are tried before anything of the thread is
// written, and those that their state is rebuilt from: where one is refused, all of the thread is.
type front struct {
	thread string             // the part of keys that is the thread's, of the thread that came last
	keys   []string           // newest checkpoints of the thread and of graphs that live inside it
	tried  bool               // keys were tried
	made   map[string]crossed // of keys, until they come
	broken map[string]refused // threads that do not arrive, by thread
}

// refused is a checkpoint that the target does not take, and why nothing else of its thread arrives.
type refused struct{ key, why string }

const notNewest = "the newest checkpoint of its thread is refused, and from an older one the runtime would do again what was done since: "

// threadPart is the thread in the key of a record of one, as it stands there.
func threadPart(key string) string {
	_, key, _ = strings.Cut(key, "/")
	part, _, _ := strings.Cut(key, "/")
	return part
}

// view notes the newest checkpoint of a conversation, which comes before the records that it is a
// reading of.
func (f *front) view(c *pb.Conversation) {
	if p := threadPart(c.Meta.Key); p != f.thread || f.tried {
		*f = front{thread: p, broken: f.broken}
	}
	f.keys = append(f.keys, c.Meta.ViewOfKeys...)
}

// whole refuses r where its thread would not arrive with its newest checkpoints.
func (w *writer) whole(ctx context.Context) error {
	f, part := &w.front, threadPart(w.key)
	if part != f.thread { // its conversation did not come before it
		rec, err := w.resolver().Get(ctx, "conversation/"+part)
		if err != nil && !errors.Is(err, agentstate.ErrNotFound) {
			return err
		}
		*f = front{thread: part, broken: f.broken}
		if rec != nil {
			f.keys = rec.GetMeta().GetViewOfKeys()
		}
	}
	if !f.tried {
		f.tried = true
		if err := w.try(ctx, f); err != nil {
			return err
		}
	}
	if no, ok := f.broken[part]; ok && w.key != no.key { // which says it itself
		return refusal(no.why)
	}
	return nil
}

// try makes the newest checkpoints of the thread, and keeps them until they come.
func (w *writer) try(ctx context.Context, f *front) error {
	for _, key := range f.keys {
		rec, err := w.resolver().Get(ctx, key)
		c, ok := rec.(*pb.Checkpoint)
		switch {
		case errors.Is(err, agentstate.ErrNotFound) || err == nil && !ok: // a part was chosen, or the thread has no checkpoint
			continue
		case err != nil:
			return err
		}
		x, err := w.fitting(ctx, c)
		var no refusal
		var at *refused
		if errors.As(err, &no) {
			at, err = &refused{key, notNewest + string(no)}, nil
		} else if err == nil {
			at, err = w.rebuilt(ctx, c, x)
		}
		if err != nil {
			return err
		}
		if at != nil {
			if f.broken == nil {
				f.broken = map[string]refused{}
			}
			f.broken[f.thread] = *at
			return nil
		}
		if f.made == nil {
			f.made = map[string]crossed{}
		}
		f.made[key] = x
	}
	return nil
}

// fitting is made, after a check that the target's table can hold it.
func (w *writer) fitting(ctx context.Context, c *pb.Checkpoint) (crossed, error) {
	x, err := w.made(ctx, c)
	if err == nil {
		_, err = w.fit(w.lay.t["checkpoints"], maps.Clone(x.row))
	}
	return x, err
}

// made is a checkpoint in the form of the target's database.
func (w *writer) made(ctx context.Context, c *pb.Checkpoint) (crossed, error) {
	if x, ok := w.front.made[c.Meta.Key]; ok {
		delete(w.front.made, c.Meta.Key)
		return x, nil
	}
	if w.lay.engine == "sqlite" {
		return w.checkpointToSQLite(ctx, c)
	}
	return w.checkpointToPostgres(ctx, c)
}
