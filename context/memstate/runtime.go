package memstate

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// RuntimeOptions say how a Runtime behaves. The zero value is a runtime that takes everything under
// the keys that it is given, one record at a time.
type RuntimeOptions struct {
	// OwnIDs makes the runtime give its own ids, as cloud services do. What refers to a record is
	// rewritten. It then tells a record that it holds from a new one by the journal alone.
	OwnIDs bool
	// Transactional lets nothing count before Commit.
	Transactional bool
	// Flushes makes the writer a replay.Flusher.
	Flushes bool
	// Exact makes the writer a replay.Exacter whose answer is true: views are left out.
	Exact bool
	// Labels makes the writer a replay.Labeler that keeps labels with memories.
	Labels bool
	// Rate is how many records a second it may be given, as it says of itself; 0: it does not say.
	Rate float64
	// Refuse says why a record is not taken; empty: it is.
	Refuse func(r agentstate.Record) string
	// Alter changes what is stored, as a runtime does that keeps less than it is given, and says
	// what was lost.
	Alter func(r agentstate.Record) []fidelity.Loss
	// Fail is asked at every step of a run; an error breaks the run off there. Before and after
	// are two steps, so that a write can be done and its answer lost.
	Fail func(s Step) error
}

// Step is a moment of a run.
type Step struct {
	N    int    // steps of all runs so far, from 1
	Op   string // "write", "flush", "commit", "undo"
	When string // "before", "after"
	Key  string // of the record, for write and undo
}

// Runtime is a runtime in memory: a replay.Target that can undo, and a Source of what it holds. It is
// one runtime over all runs; a run that breaks off leaves what it wrote. All methods may be called
// from several goroutines; a Writer is for one.
type Runtime struct {
	opts RuntimeOptions

	mu    sync.Mutex
	held  []*item
	byKey map[string]*item
	blobs State
	next  int // number of the next id
	steps int
}

// item is what the runtime holds.
type item struct {
	rec   agentstate.Record // under the runtime's own key; is never changed, since it may be read
	token token             // of what wrote it; empty: was there
	rev   int               // counts changes
}

var (
	_ replay.Target         = (*Runtime)(nil)
	_ replay.Undoer         = (*Runtime)(nil)
	_ agentstate.Source     = (*Runtime)(nil)
	_ agentstate.Getter     = (*Runtime)(nil)
	_ agentstate.Lender     = (*Runtime)(nil)
	_ agentstate.BlobSource = (*Runtime)(nil)
	_ io.Closer             = (*Runtime)(nil)
)

// NewRuntime is an empty runtime. A nil pointer is the zero value of opts.
func NewRuntime(opts *RuntimeOptions) *Runtime {
	rt := &Runtime{byKey: map[string]*item{}}
	if opts != nil {
		rt.opts = *opts
	}
	return rt
}

// Estimate is how long records take at its rate.
func (rt *Runtime) Estimate(l replay.Load) (time.Duration, string) {
	if rt.opts.Rate <= 0 {
		return 0, ""
	}
	var n uint64
	for _, k := range l.Records {
		n += k
	}
	s := float64(n) / rt.opts.Rate
	return time.Duration(min(s, math.MaxInt64/1e10) * float64(time.Second)), fmt.Sprintf("%d records ÷ %g/s", n, rt.opts.Rate)
}

// Set puts a record there as another program would: new, or in place of the old.
func (rt *Runtime) Set(r agentstate.Record) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	k := r.GetMeta().GetKey()
	if it, ok := rt.byKey[k]; ok {
		it.rec, it.rev = clone(r), it.rev+1
		return
	}
	rt.hold(&item{rec: clone(r)})
}

func (rt *Runtime) hold(it *item) {
	rt.held = append(rt.held, it)
	rt.byKey[it.rec.GetMeta().GetKey()] = it
}

// Len is the number of records that it holds.
func (rt *Runtime) Len() int {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return len(rt.held)
}

// Close does nothing.
func (rt *Runtime) Close() error { return nil }

// Records reads what it holds, as of the moment when the reading starts.
func (rt *Runtime) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) { rt.state().Records(ctx, opts)(yield) }
}

// Lend is Records without copies, and with bytes.
func (rt *Runtime) Lend(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Wired, error] {
	return func(yield func(agentstate.Wired, error) bool) { rt.state().Lend(ctx, opts)(yield) }
}

// state is what it holds now.
func (rt *Runtime) state() *State {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	recs := make([]agentstate.Record, 0, len(rt.held))
	for _, it := range rt.held {
		recs = append(recs, it.rec)
	}
	return &State{recs: whole("memstate", recs)}
}

// Get finds a record under the runtime's own key.
func (rt *Runtime) Get(_ context.Context, key string) (agentstate.Record, error) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	it, ok := rt.byKey[key]
	if !ok {
		return nil, fmt.Errorf("%w: %s", agentstate.ErrNotFound, key)
	}
	return clone(it.rec), nil
}

// OpenBlob opens bytes that a record of the runtime points at.
func (rt *Runtime) OpenBlob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error) {
	return rt.blobs.OpenBlob(ctx, b)
}

// fail asks the options at one step.
func (rt *Runtime) fail(op, when, key string) error {
	if rt.opts.Fail == nil { // then nobody sees the steps
		return nil
	}
	rt.mu.Lock()
	rt.steps++
	s := Step{rt.steps, op, when, key}
	rt.mu.Unlock()
	return rt.opts.Fail(s)
}

// Undo removes what the run created and nobody has changed since.
func (rt *Runtime) Undo(_ context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	for rc, err := range created {
		if err == nil {
			err = rt.fail("undo", "before", rc.Key)
		}
		if err != nil {
			return err
		}
		rt.mu.Lock()
		it := rt.byKey[rc.Target]
		if it == nil { // in doubt, or somebody gave it another id
			it = rt.written(run.ID, rc.Key)
		}
		switch {
		case it == nil: // never came, or somebody removed it
		case rc.Version != "" && rc.Version != version(it), rc.Version == "" && it.rev > 0:
			rc.Why = "changed since it was written"
			leave(rc)
		default:
			rt.drop(it)
		}
		rt.mu.Unlock()
	}
	return nil
}

// drop is called with the lock held.
func (rt *Runtime) drop(it *item) {
	delete(rt.byKey, it.rec.GetMeta().GetKey())
	for i, h := range slices.Backward(rt.held) { // the last one is the first to go
		if h == it {
			rt.held = append(rt.held[:i:i], rt.held[i+1:]...)
			return
		}
	}
}

// written is what the run wrote for key; nil: nothing. It is called with the lock held.
func (rt *Runtime) written(run, key string) *item {
	want := token{run, key}
	for _, it := range rt.held {
		if it.token == want {
			return it
		}
	}
	return nil
}

// token is a run and the key that it was given.
type token struct{ run, key string }

func version(it *item) string { return strconv.Itoa(it.rev) }

// rewrite changes every reference and every citation in r by f.
func rewrite(m protoreflect.Message, f func(key string) string) {
	if c, ok := m.Interface().(*pb.Column); ok {
		if a, ok := c.Value.(*pb.Column_At); ok {
			a.At = cite(a.At, f)
		}
	}
	if p, ok := m.Interface().(*pb.Piece); ok {
		if a, ok := p.Body.(*pb.Piece_At); ok {
			a.At = cite(a.At, f)
		}
	}
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(fd.Name())
		switch {
		case fd.Message() != nil && fd.IsList():
			for i := range v.List().Len() {
				rewrite(v.List().Get(i).Message(), f)
			}
		case fd.Message() != nil:
			rewrite(v.Message(), f)
		case strings.HasSuffix(name, "_keys"):
			for i := range v.List().Len() {
				v.List().Set(i, protoreflect.ValueOfString(f(v.List().Get(i).String())))
			}
		case strings.HasSuffix(name, "_key"):
			m.Set(fd, protoreflect.ValueOfString(f(v.String())))
		}
		return true
	})
}

func cite(at string, f func(string) string) string {
	key, field, _ := strings.Cut(at, "#")
	if key == "" {
		return at
	}
	return f(key) + "#" + field
}
