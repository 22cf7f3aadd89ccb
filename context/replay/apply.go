package replay

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/mapping"
	"github.com/exitramp/exitramp/internal/diskmap"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Plan says what Apply would do and writes nothing. Of a plan that was Reviewed it says whether that still holds.
func Plan(ctx context.Context, dst Target, src agentstate.Source, opts *Options) (*Report, error) {
	if opts == nil {
		opts = &Options{}
	}
	if opts.Reviewed != nil {
		return opts.Reviewed.check(ctx, dst, src, opts)
	}
	planned, err := diskmap.New("")
	if err != nil {
		return nil, err
	}
	defer planned.Close()
	if re, _ := reembedder(src); re != nil {
		src = re.Planned()
	}
	a := newApply(opts)
	a.planned = planned
	err = a.run(ctx, dst, src)
	a.rep.estimate(dst, a.load.Load)
	return a.report(), err
}

// Apply writes src into dst, and commits. It needs a Journal: on error the report says how far it
// got, and the same call with the same journal goes on from there. A run that has ended answers from
// its journal and writes nothing; but what was refused, or waited for what is there by now, is asked
// for again.
func Apply(ctx context.Context, dst Target, src agentstate.Source, opts *Options) (*Report, error) {
	if opts == nil || opts.Journal == nil {
		return nil, fmt.Errorf("%w: Apply needs one: without it a run that is killed cannot go on, and none can be undone", ErrJournal)
	}
	if opts.Reviewed != nil && opts.Journal.head == nil {
		if _, err := opts.Reviewed.check(ctx, dst, src, opts); err != nil {
			return nil, err
		}
	} else if opts.Journal.head == nil {
		if err := feasible(ctx, dst, src, opts); err != nil {
			return nil, err
		}
	}
	a := newApply(opts)
	a.journal = opts.Journal
	err := a.run(ctx, dst, src)
	return a.report(), err
}

// apply is a run, or the plan of one.
type apply struct {
	opts    *Options
	journal *Journal     // nil: a plan
	planned *diskmap.Map // of a plan: key → target id
	guard   *guard
	anew    Reembedder // nil: vectors are as they were
	rep     *Report
	answers hash.Hash
	line    []byte // of answers

	w        Writer
	gathered []agentstate.Record
	bytes    int             // of gathered
	next     *batch          // that is written when another was gathered; nil: none
	doubt    map[string]bool // keys of the batch that is written that an earlier attempt may have written
	last     string          // key that was read last
	ended    bool            // the statement was read
	about    *Run
	names    *mapping.Mapper // nil: no map
	label    string          // that memories get; empty: none
	refused  *json.Encoder
	grants   arrived
	over     bool  // the run has ended, and nothing of it is asked for again
	load     tally // of what is created; of a plan
}

func newApply(o *Options) *apply {
	a := &apply{opts: o, rep: newReport(), answers: sha256.New()}
	if o.Refused != nil {
		a.refused = json.NewEncoder(o.Refused)
	}
	return a
}

func (a *apply) report() *Report {
	a.answers.Sum(a.rep.Answers[:0])
	a.rep.Undenied = a.grants.undenied()
	if a.guard != nil && a.ended && a.rep.Resumed == 0 {
		a.rep.Idle = slices.Sorted(maps.Keys(a.guard.idle))
	}
	return a.rep
}

func (a *apply) run(ctx context.Context, dst Target, src agentstate.Source) (err error) {
	defer func() {
		if a.w != nil {
			err = errors.Join(err, a.w.Close())
		}
		if a.next != nil && a.next.synced != nil { // it broke off
			<-a.next.synced
		}
		if a.journal != nil && a.journal.file != nil {
			err = errors.Join(err, a.journal.sync())
		}
		if a.names != nil {
			err = errors.Join(err, a.names.Close())
		}
		if a.guard != nil {
			err = errors.Join(err, a.guard.gone.close())
		}
	}()
	if a.journal != nil && a.journal.ended {
		again, err := a.journal.mended(newGuard(a.opts, false).approved)
		if err != nil {
			return err
		}
		a.over = !again
	}
	if a.opts.Map != nil && !a.over {
		if a.names, err = mapping.New(ctx, a.opts.Map, before(src)); err != nil {
			return a.fail(ErrSource, err)
		}
		a.rep.Map = a.names.Report()
	}
	for w, err := range agentstate.WiredOf(ctx, src, &agentstate.ReadOptions{Kinds: a.opts.Kinds}) {
		if err != nil {
			return a.fail(ErrSource, err)
		}
		r := w.Record
		if r == nil || !r.ProtoReflect().IsValid() {
			return a.fail(ErrSource, errors.New("a record that is nil"))
		}
		size := len(w.Wire)
		if w.Wire == nil {
			size = sizeOf(r)
		}
		agentstate.DropOwnLabels(r.GetMeta()) // they are about the archive, and no runtime's
		if err := a.read(ctx, dst, src, r, size); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return a.fail(ErrSource, err)
	}
	if !a.ended {
		return a.fail(ErrSource, errors.New("ends without its statement: it was cut short, and nothing of it was committed"))
	}
	if err := a.drain(ctx); err != nil {
		return err
	}
	if n, ok := a.w.(Noter); ok {
		a.rep.Notes = n.Notes()
	}
	return a.commit(ctx)
}

// fail names side and record.
func (a *apply) fail(side, err error) error {
	switch {
	case a.last == "" && errors.Is(err, side):
		return err
	case a.last == "":
		return fmt.Errorf("%w: %w", side, err)
	}
	where := "at"
	if side == ErrSource { // what was to come next has no name
		where = "after"
	}
	return fmt.Errorf("%w: %s %s: %w", side, where, a.last, err)
}

// read takes one record of the stream, which is so large on the wire.
func (a *apply) read(ctx context.Context, dst Target, src agentstate.Source, r agentstate.Record, size int) error {
	a.last = r.GetMeta().GetKey()
	if o, ok := r.(*pb.Origin); ok {
		if a.about != nil {
			return a.fail(ErrSource, errors.New("a second origin: replay the state of each runtime by itself"))
		}
		return a.begin(ctx, dst, src, o)
	}
	if a.about == nil {
		return a.fail(ErrSource, errors.New("the first record is no origin"))
	}
	a.ended = false
	switch r.(type) {
	case *pb.Completeness:
		a.ended = true
		return a.drain(ctx) // while the source can still open what the last records point at
	case *pb.Mark, *pb.Gap:
		return nil
	}
	kind := agentstate.KindOf(r)
	if a.opts.Kinds != nil && agentstate.IsState(kind) && !slices.Contains(a.opts.Kinds, kind) {
		return nil
	}
	a.gathered = append(a.gathered, r)
	a.bytes += size
	if len(a.gathered) >= batchRecords || a.bytes >= batchBytes {
		return a.flush(ctx)
	}
	return nil
}

// sizeOf is how large r is on the wire.
func sizeOf(r agentstate.Record) int {
	if v, ok := r.(agentstate.Generated); ok {
		return v.SizeVT()
	}
	return proto.Size(r)
}

// begin starts the run at the target, and binds the journal to it.
func (a *apply) begin(ctx context.Context, dst Target, src agentstate.Source, o *pb.Origin) error {
	id := ""
	if a.journal != nil {
		id = a.journal.Run()
		a.rep.Run = id
	}
	origin, err := proto.Marshal(o)
	if err != nil {
		return a.fail(ErrSource, err)
	}
	re, vectors := reembedder(src)
	a.anew = re
	h := &head{Journal: journalFormat, Run: id, Archive: hex.EncodeToString(a.opts.ArchiveSHA256[:]), Target: a.opts.TargetURL, Map: mapText(a.opts.Map), Origin: origin, Vectors: vectors, Kinds: a.opts.Kinds}
	if id == "" {
		h.Run = newRunID()
	} else if err := a.journal.matches(h); err != nil {
		return err
	}
	a.about = &Run{ID: h.Run, DryRun: a.journal == nil, From: o, Source: a.resolver(src), Target: a.target, InDoubt: a.inDoubt, Vectors: vectors, TargetModel: a.opts.TargetModel}
	if a.over {
		a.guard = newGuard(a.opts, true)
		return nil
	}
	if a.w, err = dst.Begin(ctx, a.about); err != nil {
		a.w, a.last = nil, ""
		return a.fail(ErrTarget, err)
	}
	if r, ok := a.w.(Ruler); ok && a.about.DryRun {
		a.rep.Rules = r.Rules()
	}
	e, ok := a.w.(Exacter)
	exact := ok && e.Exact()
	if exact && a.names != nil {
		a.last = ""
		return a.fail(ErrTarget, fmt.Errorf("%w: this target takes the runtime's own bytes as they were, and the old names would stay inside of them: leave the map out, or replay into another runtime", mapping.ErrMap))
	}
	if len(a.opts.Approvals) > 0 {
		if err := a.checkApprovals(ctx, src, exact); err != nil {
			return err
		}
	}
	a.guard = newGuard(a.opts, exact)
	if a.guard.gone, err = newGone(ctx, before(src), a.opts.Tombstones); err != nil {
		return a.fail(ErrSource, err)
	}
	if a.guard.denied, err = denied(ctx, before(src), a.guard); err != nil {
		return a.fail(ErrSource, err)
	}
	if l, ok := a.w.(Labeler); ok && !exact && l.Labels("memory") {
		h.Label = importedFrom(o)
	}
	a.label, h.Deferred = h.Label, a.deferred()
	if a.journal == nil {
		return nil
	}
	a.rep.Run = h.Run
	return a.journal.bind(h)
}

func newRunID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return "run-" + hex.EncodeToString(b[:])
}

// resolver is Run.Source: the target finds records under the keys that it knows them by.
func (a *apply) resolver(src agentstate.Source) agentstate.Resolver {
	if a.names != nil {
		src = a.names.Source(src)
	}
	return agentstate.ResolverOf(src)
}

// old is the key in the archive of what the target knows as key.
func (a *apply) old(key string) string {
	if a.names == nil {
		return key
	}
	old, err := a.names.Old(key)
	if err != nil {
		return key
	}
	return old
}

// target is Run.Target.
func (a *apply) target(key string) (string, bool) {
	key = a.old(key)
	if a.journal == nil {
		b, ok, err := a.planned.Get(key)
		return string(b), err == nil && ok && len(b) > 0
	}
	e, err := a.journal.get(key)
	if err != nil || e == nil || e.done == nil || e.done.Target == "" {
		return "", false
	}
	return e.done.Target, true
}

// inDoubt is Run.InDoubt.
func (a *apply) inDoubt(key string) bool { return a.doubt[a.old(key)] }

// deferred tells whether the target gets nothing before its commit.
func (a *apply) deferred() bool {
	d, ok := a.w.(Deferrer)
	return ok && d.Deferred()
}

// mayBe tells whether an earlier attempt may have written what e is of.
func (a *apply) mayBe(e *entry) bool {
	deferred := a.deferred()
	switch {
	case a.journal.blameless():
		return false
	case e.done == nil:
		return !deferred // else it came to no commit
	case deferred:
		return e.done.Action == Created.String() || e.done.Action == Updated.String()
	}
	return e.done.Action != Same.String() // which was there before
}

// commit makes the run count. A plan has nothing to commit.
func (a *apply) commit(ctx context.Context) error {
	if a.journal == nil || a.journal.ended {
		return nil
	}
	if a.journal.head.Deferred {
		if err := a.journal.write(line{Tried: true}); err != nil {
			return err
		}
	}
	if err := a.journal.sync(); err != nil { // before the target's commit: it must be undoable
		return err
	}
	if err := a.w.Commit(ctx); err != nil {
		return a.fail(ErrTarget, err)
	}
	return a.journal.write(line{Committed: true})
}
