// Package replay writes a state into a runtime: plan, apply with a journal, read back, undo.
// It is the only way into a runtime, so that nothing passes its guards: grants, policies,
// triggers, credentials and tool servers arrive disarmed.
package replay

import (
	"context"
	"iter"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A Target is a runtime that can be written to. It is not a Sink, so that Copy cannot reach a
// runtime past the guards of this package.
type Target interface {
	// Begin starts a run, or the plan of one. It refuses a target that cannot take what comes
	// (ErrTarget), before anything is written.
	Begin(ctx context.Context, run *Run) (Writer, error)
}

// A Writer writes one run.
type Writer interface {
	// Write writes r, or in a DryRun answers what it would do. What the target already holds
	// alike is Same; what it holds differently is Conflict and stays untouched; what it cannot
	// hold is Refused or Skipped. None of these is an error. r belongs to the writer.
	Write(ctx context.Context, r agentstate.Record) (Receipt, error)
	// Commit makes the run count. A transactional target has nothing before it.
	Commit(ctx context.Context) error
	// Close releases the writer. Before Commit it abandons what can be abandoned.
	Close() error
}

// Run is what a driver is told.
type Run struct {
	ID     string     // of the journal; stable over resumed attempts
	DryRun bool       // answer as if, and write nothing
	From   *pb.Origin // native bytes are of this product, flavor and schema
	// Source finds what records cite: other records by key, and blobs.
	Source agentstate.Resolver
	// Vectors is what every vector of the run is made with; nil: they are as they were. A driver
	// whose native form has vectors inside of other records does not write that form then.
	Vectors *Vectors
	// TargetModel is Options.TargetModel. Vectors of another runtime are taken where they are of this
	// model, or were made anew, and never because they are as long.
	TargetModel string
	// Target is the target's id of a record that this run wrote before, or in a DryRun would
	// have written.
	Target func(key string) (id string, ok bool)
	// InDoubt tells whether an attempt of this run was broken off while key was written: it may
	// be there already. The writer looks before it writes, and answers Created for what it finds.
	InDoubt func(key string) bool
}

// Doubts is InDoubt, and false where that is nil.
func (r *Run) Doubts(key string) bool { return r.InDoubt != nil && r.InDoubt(key) }

// Receipt says what one Write did, or would do.
type Receipt struct {
	Key string
	// Target is the id in the runtime; empty: nothing written. Where the runtime makes its own
	// ids, it is the key under which the target, read as a Source, yields the record.
	Target string
	Action Action
	Why    string // for Conflict, Refused, Skipped, Held: want and got; no content
	// NoLoss is of what is Skipped and not lost: it arrives inside of other records, the target
	// makes it anew, or it is meant to stay away.
	NoLoss bool
	Losses []fidelity.Loss
	// Version is the driver's own mark of what it wrote: an etag, the digest of a row. The journal
	// keeps it and hands it to Undo, which leaves what is of another version by then.
	Version string
	// Approval is the one that let the record through; nil: it needed none, or a list of keys did.
	Approval *Approval
}

// Action is what happened to a record in the target.
type Action int

// The actions.
const (
	Created  Action = iota + 1
	Same            // the target held it alike
	Updated         // the target held less of it, and now holds all
	Conflict        // the target holds something else under this id; left as it was
	Refused         // the target will not take it
	Skipped         // not for this target: a view, a kind it does not have
	Held            // waits for a person's approval, or for room in the target; the next attempt asks again
)

// String is the action as people read it.
func (a Action) String() string {
	switch a {
	case Created:
		return "create"
	case Same:
		return "same"
	case Updated:
		return "update"
	case Conflict:
		return "conflict"
	case Refused:
		return "refuse"
	case Skipped:
		return "skip"
	case Held:
		return "hold"
	}
	return "unknown"
}

// A Batcher is a Writer that is faster with many records at once: a service that takes them in
// batches, or several requests at a time. Apply and Plan call WriteBatch in place of Write, with
// records of one kind in their order. There is a receipt for each record, at its place. With an
// error, receipts without Action are of records that may or may not be there; the first of them is
// said to be where it broke, or the one that BrokeAt names.
type Batcher interface {
	WriteBatch(ctx context.Context, rs []agentstate.Record) ([]Receipt, error)
}

// A Flusher is a Writer that can make what was written so far count before Commit. Apply calls it
// between batches; a resumed run does not write again what was flushed. Without it, a resumed run
// writes all records again, with Run.InDoubt true for those that may be there.
type Flusher interface {
	Flush(ctx context.Context) error
}

// A Deferrer is a Writer that puts nothing into the target before Commit. All answers of a run are on the disk by then, and the
// journal says that it comes. Of a run that never came to it the target holds nothing, and what an attempt that was broken
// off has no answer for is not of this run: Undo leaves both.
type Deferrer interface {
	Deferred() bool
}

// A Foreteller is a Writer that can say what it would not write although a person approves it. A plan
// asks it about what waits, so that the person reads all that is wanted at once. Foretell writes
// nothing, and leaves the writer's other answers as they are.
type Foreteller interface {
	// Foretell says why r would not be written; empty: it would be, or that is not known.
	Foretell(ctx context.Context, r agentstate.Record) (why string, err error)
}

// A Ruler is a Writer of a target that has rules of its owner's, which may keep rows out: constraints, triggers. A plan
// names them, as it does not try them.
type Ruler interface {
	// Rules are the rules by name, each with what it is of, for people; no content.
	Rules() []string
}

// A Noter is a Writer that can say what a person should know of what arrives as it was: a version of the runtime that does
// not read it. It is asked when all records were written, of a plan too.
type Noter interface {
	// Notes are texts for people; no content.
	Notes() []string
}

// An Exacter is a Writer of the runtime that the state comes from. Where Exact is true, views are left
// out: what they are readings of arrives whole, and the runtime reads them out of it again.
type Exacter interface {
	Exact() bool
}

// A Labeler is a Writer of a runtime that can keep a label beside what a record of some kind says.
// Where Labels is true, the record's Meta.Labels say where it was imported from (LabelImported), so
// that nobody takes it for something that the runtime itself came to know.
type Labeler interface {
	Labels(kind string) bool
}

// An Undoer is a Target that can remove what one run created, and nothing else. It gets the
// receipts of the whole run, the last one first; they come from the disk, each time that they are ranged over. A receipt
// without Target is in doubt: the run was broken off while it was written, and the driver looks for it by run and key. What is
// not there is not an error: a receipt of it may be given to leave with a Why that is Gone. Records that were changed since
// stay, and leave gets their receipts, each once, with the reason. An error that is ErrUntouched says that all is as it was.
type Undoer interface {
	Undo(ctx context.Context, run *Run, created iter.Seq2[Receipt, error], leave func(Receipt)) error
}

// Gone is why an Undo neither took a record out nor left it: it was not there any more.
const Gone = "gone before the undo"
