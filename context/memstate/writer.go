package memstate

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Begin starts a run. It refuses state without an origin.
func (rt *Runtime) Begin(_ context.Context, run *replay.Run) (replay.Writer, error) {
	if run.From == nil {
		return nil, fmt.Errorf("%w: state of no known origin", replay.ErrTarget)
	}
	w := &writer{rt: rt, run: run, open: map[token]*item{}}
	w.gather = func(b *pb.Blob) { w.found = append(w.found, b) }
	switch {
	case rt.opts.Flushes && rt.opts.Exact:
		return struct {
			*writer
			flusher
			exacter
		}{w, flusher{w}, exacter{}}, nil
	case rt.opts.Flushes:
		return struct {
			*writer
			flusher
		}{w, flusher{w}}, nil
	case rt.opts.Exact:
		return struct {
			*writer
			exacter
		}{w, exacter{}}, nil
	}
	return w, nil
}

type writer struct {
	rt   *Runtime
	run  *replay.Run
	open map[token]*item // of a transaction
	keys []token         // of open, in order

	found  []*pb.Blob     // in the record that is written
	gather func(*pb.Blob) // adds to them
}

type flusher struct{ w *writer }

func (f flusher) Flush(context.Context) error {
	if err := f.w.rt.fail("flush", "before", ""); err != nil {
		return err
	}
	f.w.settle()
	return f.w.rt.fail("flush", "after", "")
}

type exacter struct{}

func (exacter) Exact() bool { return true }

// Deferred: of a transaction nothing counts before Commit, unless it flushes.
func (w *writer) Deferred() bool { return w.rt.opts.Transactional && !w.rt.opts.Flushes }

// Labels tells whether memories keep a label that says where they came from.
func (w *writer) Labels(kind string) bool { return w.rt.opts.Labels && kind == "memory" }

// Write takes r under its own key, or under an id of the runtime's.
func (w *writer) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	key := r.GetMeta().GetKey()
	rc := replay.Receipt{Key: key}
	if why := w.refuse(r); why != "" {
		rc.Action, rc.Why = replay.Refused, why
		return rc, nil
	}
	if err := w.rt.fail("write", "before", key); err != nil {
		return rc, err
	}
	if err := w.blobs(ctx, r); err != nil {
		return rc, err
	}
	if w.rt.opts.Alter != nil {
		rc.Losses = w.rt.opts.Alter(r)
	}
	w.rt.mu.Lock()
	w.take(r, &rc)
	w.rt.mu.Unlock()
	return rc, w.rt.fail("write", "after", key)
}

func (w *writer) refuse(r agentstate.Record) string {
	if w.rt.opts.Refuse == nil {
		return ""
	}
	return w.rt.opts.Refuse(r)
}

// take is called with the lock held.
func (w *writer) take(r agentstate.Record, rc *replay.Receipt) {
	it := &item{rec: r, token: token{w.run.ID, rc.Key}}
	old, own := w.find(rc.Key, it.token)
	switch {
	case w.rt.opts.OwnIDs && old != nil:
		rc.Target = old.rec.GetMeta().GetKey()
	case w.rt.opts.OwnIDs:
		rc.Target = fmt.Sprintf("%s/srv-%04d", agentstate.KindOfKey(rc.Key), w.rt.next+1)
	default:
		rc.Target = rc.Key
	}
	if w.rt.opts.OwnIDs {
		r.GetMeta().Key = rc.Target
		rewrite(r.ProtoReflect(), w.target)
	}
	switch {
	case old != nil && own: // an earlier attempt of this run wrote it, and its answer was lost
		rc.Action, rc.Version = replay.Created, version(old)
	case old != nil && proto.Equal(old.rec, r):
		rc.Action = replay.Same
	case old != nil:
		rc.Action, rc.Why = replay.Conflict, "other content under this key"
	default:
		rc.Action, rc.Version = replay.Created, version(it)
		if w.run.DryRun {
			return
		}
		w.rt.next++
		if w.rt.opts.Transactional {
			w.open[it.token] = it
			w.keys = append(w.keys, it.token)
			return
		}
		w.rt.hold(it)
	}
}

// find is what the runtime holds for key, or writes by a token, and whether this run wrote it. A runtime with ids of its
// own looks where the journal says, and searches only for what is in doubt.
func (w *writer) find(key string, by token) (it *item, own bool) {
	if it := w.open[by]; it != nil {
		return it, true
	}
	if w.rt.opts.OwnIDs {
		if id, ok := w.run.Target(key); ok && w.rt.byKey[id] != nil {
			return w.rt.byKey[id], true
		}
		if w.run.Doubts(key) {
			if it := w.rt.written(w.run.ID, key); it != nil {
				return it, true
			}
		}
		return nil, false
	}
	it = w.rt.byKey[key]
	return it, it != nil && it.token == by
}

func (w *writer) target(key string) string {
	if id, ok := w.run.Target(key); ok && id != "" {
		return id
	}
	return key
}

// blobs copies the bytes that r points at.
func (w *writer) blobs(ctx context.Context, r agentstate.Record) error {
	w.found = w.found[:0]
	agentstate.Blobs(r, w.gather)
	for _, b := range w.found {
		if w.run.Source.OpenBlob == nil {
			return fmt.Errorf("memstate: %s: its blob cannot be opened", r.GetMeta().GetKey())
		}
		if err := w.blob(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) blob(ctx context.Context, b *pb.Blob) error {
	rc, err := w.run.Source.OpenBlob(ctx, b)
	if err != nil {
		return err
	}
	defer rc.Close()
	dst := &w.rt.blobs
	if w.run.DryRun {
		dst = &State{} // for the digest alone
	}
	return dst.PutBlob(ctx, b, rc)
}

// settle makes what was written so far count.
func (w *writer) settle() {
	w.rt.mu.Lock()
	defer w.rt.mu.Unlock()
	for _, k := range w.keys {
		w.rt.hold(w.open[k])
	}
	w.open, w.keys = map[token]*item{}, nil
}

// Commit makes the run count. A runtime with its own ids now writes references that pointed
// forward again.
func (w *writer) Commit(context.Context) error {
	if err := w.rt.fail("commit", "before", ""); err != nil {
		return err
	}
	if !w.run.DryRun {
		w.settle()
		w.again()
	}
	return w.rt.fail("commit", "after", "")
}

func (w *writer) again() {
	if !w.rt.opts.OwnIDs {
		return
	}
	w.rt.mu.Lock()
	defer w.rt.mu.Unlock()
	for _, it := range w.rt.held {
		if it.token.run == w.run.ID {
			it.rec = clone(it.rec)
			rewrite(it.rec.ProtoReflect(), w.target)
		}
	}
}

// Close abandons what a transaction holds.
func (w *writer) Close() error {
	w.open, w.keys = map[token]*item{}, nil
	return nil
}
