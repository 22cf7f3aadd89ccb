package langgraph

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/underway"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A reading is one stream of records under way.
type reading struct {
	eng  engine
	lay  *layout
	left string // tables that are not read, for people; empty: none
	e    *agentstate.Emitter
	fp   string // of the store; empty: no resuming
	pos  position
	odd  bool // some write is one that the other database may refuse
}

// position is the place in the stream that a cursor holds.
type position struct {
	Store  string            // fingerprint of the store that is read
	Stage  string            // of stages
	After  []place           // key of the last row or thread of that stage; nil: its start
	Opaque map[string]uint64 // values that were not understood, by kind
	Newest int64             // newest time seen
}

// place is a cell of a key in a cursor.
type place struct {
	K kind
	I int64   `json:",omitempty"`
	F float64 `json:",omitempty"`
	B []byte  `json:",omitempty"`
}

func places(cs []cell) []place {
	var out []place
	for _, c := range cs {
		out = append(out, place{c.kind, c.i, c.f, c.b})
	}
	return out
}

func cells(ps []place) []cell {
	var out []cell
	for _, p := range ps {
		out = append(out, cell{kind: p.K, i: p.I, f: p.F, b: p.B})
	}
	return out
}

// markEvery is the number of rows of the long-term store between two marks.
const markEvery = 1000

// Records reads the whole store in one snapshot: thread by thread, then the long-term store, its
// vectors and the migrations. One stream at a time.
func (s *Store) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	if opts == nil {
		opts = &agentstate.ReadOptions{}
	}
	return func(yield func(agentstate.Record, error) bool) {
		r, end, err := s.begin(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer end()
		r.stream(ctx, opts, yield)
	}
}

// begin opens the store for one reading at a time; end is to be called where it succeeded.
func (s *Store) begin(ctx context.Context) (r *reading, end func(), err error) {
	s.mu.Lock()
	busy := s.busy
	s.busy = true
	s.mu.Unlock()
	if busy {
		return nil, nil, errors.New("langgraph: a reading of this store is under way; open it a second time")
	}
	var eng engine
	over := func() {
		if eng != nil {
			eng.close()
		}
		s.mu.Lock()
		s.busy = false
		s.mu.Unlock()
	}
	defer func() {
		if err != nil {
			over()
		}
	}()
	if eng, err = s.open(ctx); err != nil {
		return nil, nil, err
	}
	lay, err := detect(ctx, eng)
	if err != nil {
		return nil, nil, err
	}
	rest, err := left(ctx, eng, lay)
	if err != nil {
		return nil, nil, err
	}
	r = &reading{eng: eng, lay: lay, left: rest, pos: position{Opaque: map[string]uint64{}}}
	done := underway.Begin(&s.stream, r)
	return r, func() { done(); over() }, nil
}

// origin says what is read. Its labels hold what a target needs to set up an empty store alike.
func (r *reading) origin() *pb.Origin {
	f := r.eng.facts()
	o := &pb.Origin{
		Meta:    agentstate.Meta("origin", nil, "langgraph"),
		Product: "langgraph", Flavor: r.lay.flavor(), Schema: r.lay.schema(), Location: f.location,
	}
	label := func(name, value string) {
		o.Meta.Labels = append(o.Meta.Labels, &pb.Label{Name: name, Value: value})
	}
	label("flavor_basis", r.lay.basis)
	for _, l := range f.labels {
		label(l[0], l[1])
	}
	if r.lay.shallow {
		label(labelShallow, noHistory)
	}
	if r.left != "" {
		label(labelTables, r.left)
	}
	if c, s := r.lay.t["checkpoints"], r.lay.t["store"]; c != nil && s != nil && c.home != s.home {
		label(labelHome(checkpointTables), c.home)
		label(labelHome(storeTables), s.home)
	}
	if w := r.lay.t["writes"]; w != nil {
		if i := w.col("task_path"); i >= 0 {
			label(labelTaskPath, w.cols[i].full)
		}
	}
	if v := r.lay.t["store_vectors"]; v != nil {
		if i := v.col("embedding"); i >= 0 {
			label(labelVectorType, v.cols[i].full)
		}
	}
	return o
}

// Labels of an Origin.
const (
	labelTaskPath    = "writes.task_path"        // "TEXT": SQLite has the column since langgraph-checkpoint-sqlite 3.1.2
	labelVectorType  = "store_vectors.embedding" // "vector(4)"
	labelVectorIndex = "store_vectors.index"     // "hnsw vector_cosine_ops m=16"
)

func (r *reading) stream(ctx context.Context, opts *agentstate.ReadOptions, yield func(agentstate.Record, error) bool) {
	o := r.origin()
	if err := r.vectorIndex(ctx, o); err != nil {
		yield(nil, err)
		return
	}
	var err error
	if r.fp, err = r.eng.fingerprint(ctx, r.lay.t); err != nil {
		yield(nil, err)
		return
	}
	r.e = agentstate.NewEmitter(ctx, yield, o)
	if err := r.e.Resume(opts.Cursor, &r.pos); err != nil {
		r.e.Fail(err)
		return
	}
	if opts.Cursor != nil && (r.fp == "" || r.pos.Store != r.fp) {
		r.e.Fail(fmt.Errorf("%w: the store has changed since", agentstate.ErrCursor))
		return
	}
	r.pos.Store = r.fp
	if r.pos.Opaque == nil {
		r.pos.Opaque = map[string]uint64{}
	}
	err = r.stages(ctx, opts.Kinds)
	if err == nil && r.e.OK() {
		err = r.statement(ctx)
	}
	if err == nil {
		err = r.eng.check()
	}
	r.e.End(err)
}

// errStop ends a reading whose consumer has stopped.
var errStop = errors.New("langgraph: stopped")

// stages reads the parts of the store in order, from where the cursor left off.
func (r *reading) stages(ctx context.Context, kinds []string) error {
	all := []struct {
		name, table string
		kinds       []string
		read        func(context.Context, []cell) error
	}{
		{"gaps", "", nil, func(context.Context, []cell) error { return r.denials() }},
		{"threads", "checkpoints", []string{"conversation", "message", "channelvalue", "checkpoint", "pendingwrite", "interrupt"}, r.threads},
		{"memory", "store", []string{"memoryspace", "memory"}, r.memories},
		{"embedding", "store_vectors", []string{"embedding"}, r.embeddings},
		{"opaque", "store_migrations", []string{"opaque"}, func(ctx context.Context, _ []cell) error { return r.migrations(ctx) }},
	}
	skip := r.pos.Stage != ""
	for _, s := range all {
		if skip && s.name != r.pos.Stage {
			continue
		}
		var after []cell
		if skip {
			after, skip = cells(r.pos.After), false
		}
		r.pos.Stage, r.pos.After = s.name, nil
		wanted := kinds == nil || s.kinds == nil || slices.ContainsFunc(s.kinds, func(k string) bool { return slices.Contains(kinds, k) })
		if !wanted {
			if r.lay.t[s.table] != nil {
				for _, k := range s.kinds {
					r.e.Kind(k).Class = pb.KindCompleteness_CLASS_EXCLUDED
				}
			}
			continue
		}
		if err := s.read(ctx, after); err != nil {
			return err
		}
		if !r.e.OK() {
			return nil
		}
	}
	if skip {
		return fmt.Errorf("%w: unknown stage", agentstate.ErrCursor)
	}
	return nil
}

// put yields a record; errStop when the consumer has stopped.
func (r *reading) put(rec agentstate.Record) error {
	if t := rec.GetMeta().GetUpdatedUnixNano(); t > r.pos.Newest {
		r.pos.Newest = t
	}
	if t := rec.GetMeta().GetCreatedUnixNano(); t > r.pos.Newest {
		r.pos.Newest = t
	}
	if !r.e.Put(rec) {
		return errStop
	}
	return nil
}

// mark yields a Mark after the row or thread key.
func (r *reading) mark(key []cell) error {
	if r.fp == "" {
		return nil
	}
	r.pos.After = places(key)
	if err := r.eng.check(); err != nil { // what is marked must have been read right
		return err
	}
	if !r.e.Mark(r.pos) {
		return errStop
	}
	return nil
}

// denials states what the observer may not read.
func (r *reading) denials() error {
	for _, d := range denials(r.lay) {
		if !r.e.Gap(d) {
			return errStop
		}
	}
	return nil
}

// denials are the gaps of tables that cannot be read, or not in full.
func denials(l *layout) []*pb.Gap {
	var out []*pb.Gap
	for _, name := range pgNames() {
		t := l.t[name]
		if t == nil || t.denied == "" && t.partial == "" {
			continue
		}
		g := &pb.Gap{Kind: kindOfTable(name), Place: name, Reason: pb.Gap_REASON_FORBIDDEN, Permission: t.denied}
		g.Detail = "the observer may not read the table"
		if t.partial != "" {
			g.Permission = t.partial
			g.Detail = "row-level security shows the observer some rows; how many it hides cannot be seen"
		}
		g.Meta = agentstate.Meta("gap", nil, g.Kind, g.Place)
		out = append(out, g)
	}
	return out
}

// kindOfTable is the kind of the records that a table's rows become.
func kindOfTable(name string) string {
	switch name {
	case "checkpoints":
		return "checkpoint"
	case "checkpoint_blobs":
		return "channelvalue"
	case "writes", "checkpoint_writes":
		return "pendingwrite"
	case "store":
		return "memory"
	case "store_vectors":
		return "embedding"
	}
	return "opaque"
}

// statement states the facts of this reading.
func (r *reading) statement(ctx context.Context) error {
	f, st := r.eng.facts(), r.e.Statement()
	st.Consistent = true
	st.Observer, st.ObserverBasis, st.Account, st.NewestUnixNano = f.observer, f.basis, f.account, r.pos.Newest
	for k, n := range r.pos.Opaque {
		r.e.Kind(k).Opaque = n
	}
	counts := map[string]uint64{}
	access := map[string]string{}
	for name, t := range r.lay.t {
		k := kindOfTable(name)
		if r.e.Kind(k).Class == pb.KindCompleteness_CLASS_EXCLUDED {
			continue
		}
		if _, ok := access[k]; !ok {
			access[k] = f.access
		}
		if t.partial != "" || t.denied != "" {
			access[k] = ""
		}
		if t.denied != "" {
			continue
		}
		n, err := r.count(ctx, t)
		if err != nil {
			return err
		}
		counts[k] += n
	}
	if c := r.lay.t["checkpoints"]; c.readable() && r.e.Kind("channelvalue").Class != pb.KindCompleteness_CLASS_EXCLUDED {
		n, err := r.countInline(ctx)
		if err != nil {
			return err
		}
		counts["channelvalue"] += n
		if _, ok := access["channelvalue"]; !ok || c.partial != "" {
			access["channelvalue"] = access["checkpoint"]
		}
	}
	for k, n := range counts {
		route := "count(*)"
		if k == "channelvalue" {
			route = r.inlineRoute()
		}
		r.e.Reference(k, n, route, access[k])
	}
	r.derived("conversation", "checkpoint", "pendingwrite")
	r.derived("message", "channelvalue", "pendingwrite")
	r.derived("interrupt", "pendingwrite")
	r.derived("memoryspace", "memory")
	r.e.AbsentOthers()
	return nil
}

// derived states that kind is read from those of from that the runtime has here.
func (r *reading) derived(kind string, from ...string) {
	if r.e.Kind(kind).Class == pb.KindCompleteness_CLASS_EXCLUDED {
		return
	}
	t := map[string]string{"conversation": "checkpoints", "message": "checkpoints", "interrupt": "checkpoints", "memoryspace": "store"}[kind]
	if r.lay.t[t] == nil {
		r.e.Kind(kind).Class = pb.KindCompleteness_CLASS_ABSENT
		return
	}
	r.e.Derived(kind, from...)
}

func (r *reading) count(ctx context.Context, t *table) (uint64, error) {
	rows, err := r.eng.query(ctx, "SELECT count(*) FROM "+t.ident)
	if err != nil {
		return 0, err
	}
	return uint64(rows[0][0].i), nil
}
