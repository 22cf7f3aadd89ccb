package langgraph

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/exporters/langgraph/internal/values"
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
	thread   string             // the key of its conversation, of the thread that came last
	made     map[string]crossed // some of its newest checkpoints, until they come
	broken   map[string]refused // threads that do not arrive, by thread
	writes   map[string][]write // of the thread, that the target refuses, by checkpoint
	inherits map[hash]bool      // by checkpoint and channel of the thread that hold no snapshot: whether they show the one before
	ruled    bool               // a rule of the target's owner refuses some of it
}

// refused is a checkpoint or a write that the target does not take, and why nothing else of its thread
// arrives.
type refused struct{ key, why string }

// write is a write that the target refuses.
type write struct{ key, channel, why string }

const notNewest = "the newest checkpoint of its thread is refused, and from an older one the runtime would do again what was done since: "

const notItsWrite = "a write at the newest checkpoint of its thread is refused, and without it the runtime would do again what was done, or ask no more: "

const notItsSend = "a send that waits at the newest checkpoint of its thread is refused, and without it the runtime would not run the task: "

// threadOf is the key of the conversation of a thread's record.
func threadOf(key string) string {
	_, key, _ = strings.Cut(key, "/")
	part, _, _ := strings.Cut(key, "/")
	return "conversation/" + part
}

// mostMade is how many checkpoints are kept: parallel graphs inside a thread may be many.
const mostMade = 8

// whole refuses r where its thread would not arrive with its newest checkpoints.
func (w *writer) whole(ctx context.Context) error {
	f, thread := &w.front, threadOf(w.key)
	if thread != f.thread {
		rec, err := w.resolver().Get(ctx, thread)                      // names those of graphs that live inside it, too
		alone := w.same() && errors.Is(err, agentstate.ErrUnsupported) // rows as they were need no access by key
		if err != nil && !alone && !errors.Is(err, agentstate.ErrNotFound) {
			return err
		}
		*f = front{thread: thread, broken: f.broken}
		if err == nil {
			if err := w.tried(ctx, func() error { return w.try(ctx, f, rec.GetMeta().GetViewOfKeys()) }); err != nil {
				return err
			}
		}
	}
	if no, ok := f.broken[thread]; ok && w.key != no.key { // which says it itself
		return refusal(no.why)
	}
	return nil
}

// try makes the newest checkpoints of the thread, and keeps them until they come.
func (w *writer) try(ctx context.Context, f *front, keys []string) error {
	if err := w.tryWrites(ctx, f, keys); err != nil {
		return err
	}
	for _, key := range keys {
		if agentstate.KindOfKey(key) != "checkpoint" {
			continue
		}
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
		needs := func(p write) bool { return p.channel != channelError } // a task that failed runs again anyway
		if errors.As(err, &no) {
			at, err = &refused{blamed(err, key), notNewest + string(no)}, nil
		} else if i := slices.IndexFunc(f.writes[key], needs); err == nil && i >= 0 {
			at = &refused{f.writes[key][i].key, notItsWrite + f.writes[key][i].why}
		} else if err == nil {
			if at = f.unsent(c, x); at == nil {
				at, err = w.rebuilt(ctx, c, x)
			}
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
		if len(f.made) < mostMade {
			f.made[key] = x
		}
	}
	return nil
}

// unsent is a write of sends that wait at c, in the form x, and that the target refuses: below version 4 it
// is one of c's parent. nil: there is none.
func (f *front) unsent(c *pb.Checkpoint, x crossed) *refused {
	i := slices.IndexFunc(f.writes[c.ParentKey], func(p write) bool { return p.channel == channelSends })
	if i < 0 {
		return nil
	}
	cp, err := values.ParseCheckpoint(cmp.Or(x.row["type"].String(), "json"), x.row["checkpoint"].b)
	if err != nil || cp.V >= 4 {
		return nil
	}
	no := f.writes[c.ParentKey][i]
	return &refused{no.key, notItsSend + no.why}
}

// tryWrites finds out which of the writes under keys the target refuses.
func (w *writer) tryWrites(ctx context.Context, f *front, keys []string) error {
	under := ""
	for _, key := range keys {
		if agentstate.KindOfKey(key) != "pendingwrite" {
			continue
		}
		rec, err := w.resolver().Get(ctx, key)
		p, ok := rec.(*pb.PendingWrite)
		switch {
		case errors.Is(err, agentstate.ErrNotFound) || err == nil && !ok:
			continue
		case err != nil:
			return err
		}
		t, row, _, err := w.crossedWrite(ctx, p)
		if err == nil && w.ruled[t] && p.CheckpointKey != under {
			under, err = p.CheckpointKey, w.putUnder(ctx, p.CheckpointKey)
		}
		if err == nil {
			err = w.takes(ctx, w.lay.t[t], row)
		}
		var no refusal
		if errors.As(err, &no) {
			if f.writes == nil {
				f.writes = map[string][]write{}
			}
			f.writes[p.CheckpointKey] = append(f.writes[p.CheckpointKey], write{key, p.Channel, string(no)})
		} else if err != nil {
			return err
		}
	}
	return nil
}

// putUnder puts the checkpoint key and its parent, for the trial of a write: a FOREIGN KEY of the owner's may lead to them. Whether
// the target takes them is found out by itself.
func (w *writer) putUnder(ctx context.Context, key string) error {
	c, err := w.checkpoint(ctx, key)
	if err == nil && c != nil {
		if err = w.putParent(ctx, c); err == nil {
			err = w.putForTrial(ctx, c, true)
		}
	}
	return err
}

// putParent puts the parent of c, for a trial; without its own parent, or all of a long thread would be put.
func (w *writer) putParent(ctx context.Context, c *pb.Checkpoint) error {
	if !w.ruled["checkpoints"] || c.ParentKey == "" {
		return nil
	}
	parent, err := w.checkpoint(ctx, c.ParentKey)
	if err == nil && parent != nil {
		err = w.putForTrial(ctx, parent, false)
	}
	return err
}

// checkpoint is the checkpoint key; nil: it was not chosen.
func (w *writer) checkpoint(ctx context.Context, key string) (*pb.Checkpoint, error) {
	rec, err := w.resolver().Get(ctx, key)
	c, _ := rec.(*pb.Checkpoint)
	return c, notFound(err)
}

// putForTrial puts c, with what names its parent or without it. That the target does not take it is no error.
func (w *writer) putForTrial(ctx context.Context, c *pb.Checkpoint, named bool) error {
	x, err := w.made(ctx, c)
	if err == nil {
		t, row := w.lay.t["checkpoints"], maps.Clone(x.row)
		if !named {
			row["parent_checkpoint_id"] = cell{}
		}
		if _, err = w.fit(t, row); err == nil {
			_, err = w.put(ctx, outRow{t, row})
		}
	}
	var no refusal
	if errors.As(err, &no) {
		return nil
	}
	return err
}

// notFound is err, but for a record that was not chosen.
func notFound(err error) error {
	if errors.Is(err, agentstate.ErrNotFound) {
		return nil
	}
	return err
}

// fitting is made, after a check that the target's table can hold it.
func (w *writer) fitting(ctx context.Context, c *pb.Checkpoint) (crossed, error) {
	x, err := w.made(ctx, c)
	if err == nil {
		err = w.takesValues(ctx, c)
	}
	if err == nil {
		err = w.putParent(ctx, c)
	}
	if err == nil {
		err = w.takes(ctx, w.lay.t["checkpoints"], maps.Clone(x.row))
	}
	return x, err
}

// made is a checkpoint in the form of the target's database.
func (w *writer) made(ctx context.Context, c *pb.Checkpoint) (crossed, error) {
	if x, ok := w.front.made[c.Meta.Key]; ok {
		delete(w.front.made, c.Meta.Key)
		return x, nil
	}
	switch {
	case w.same():
		row, err := w.rowOf(ctx, c)
		return crossed{row: row}, err
	case w.lay.engine == "sqlite":
		return w.checkpointToSQLite(ctx, c)
	}
	return w.checkpointToPostgres(ctx, c)
}
