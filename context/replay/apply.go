package replay

import (
	"context"
	"errors"
	"io"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
)

// Errors that callers act on.
var (
	// ErrStale: archive, target or options are not those that the plan was made for.
	ErrStale = errors.New("replay: the plan is stale")
	// ErrJournal: the journal is of another run, archive or target, or cannot be read.
	ErrJournal = errors.New("replay: journal")
	// ErrTarget: the target cannot take this state. Drivers wrap it in what Begin returns.
	ErrTarget = errors.New("replay: target")
)

// Options are the options of Plan and Apply. A nil pointer is the zero value; Apply needs a Journal.
type Options struct {
	Kinds []string // nil: all
	// Approved are keys of records that a person lets through: grants, policies, triggers,
	// credentials, tools, tool servers and operator's words are held without.
	Approved []string
	// Tombstones are keys that must not be revived: of records, or of the principals that
	// records are about.
	Tombstones    []string
	Journal       *Journal
	Refused       io.Writer // NDJSON: key, kind, action, why of all that was refused; a resumed run repeats it
	ArchiveSHA256 [32]byte  // digest of the archive's manifest; binds journal and plan
	TargetURL     string    // redacted; binds journal and plan
	OnReceipt     func(Receipt)
	// Reviewed is the plan that is carried out. Apply plans again, compares and refuses with
	// ErrStale before anything is written; a run that was begun goes on without that.
	Reviewed *PlanFile
}

// Report says what became of every record. Lists hold the first 1,000; the counts are of all.
type Report struct {
	Run       string                       // id of the run; empty for a plan
	Records   uint64                       // state records and tombstones that came in; Actions add up to it
	Actions   map[Action]uint64            // all records
	Kinds     map[string]map[Action]uint64 // by kind
	Losses    []fidelity.Loss              // fields that do not arrive as they were
	LossCount map[string]uint64            // by kind and field: "message.native_id"
	Held      []string                     // keys that wait for a person
	Conflicts []Receipt
	Refused   []Receipt
	Resumed   uint64   // records that an earlier attempt had written and this one did not touch
	Answers   [32]byte // digest over every record's key and answer, in order
}

// Plan says what Apply would do and writes nothing.
func Plan(ctx context.Context, dst Target, src agentstate.Source, opts *Options) (*Report, error) {
	return nil, errors.ErrUnsupported
}

// Apply writes src into dst. On error the report says how far it got, and the same call with the
// same journal goes on from there.
func Apply(ctx context.Context, dst Target, src agentstate.Source, opts *Options) (*Report, error) {
	return nil, errors.ErrUnsupported
}

// UndoReport says what Undo did.
type UndoReport struct {
	Removed uint64
	Left    []Receipt // changed since, or updated and not created: the first 1,000
	LeftN   uint64    // all of them
}

// Undo removes exactly what the run of j made in dst. dst must be an Undoer.
func Undo(ctx context.Context, dst Target, j *Journal) (*UndoReport, error) {
	return nil, errors.ErrUnsupported
}

// ReadBack compares what the run of j wrote with what a fresh source reads from the target.
func ReadBack(ctx context.Context, want, got agentstate.Source, j *Journal) (*fidelity.Report, error) {
	return nil, errors.ErrUnsupported
}

// WritePlan is Plan, and writes what it finds to w as NDJSON: a head, a line for every record that
// is not simply created, and the counts.
func WritePlan(ctx context.Context, w io.Writer, dst Target, src agentstate.Source, opts *Options) (*Report, error) {
	return nil, errors.ErrUnsupported
}

// PlanFile is a plan that was written to a file.
type PlanFile struct {
	ArchiveSHA256 [32]byte
	TargetURL     string
	Kinds         []string
	Approved      []string
	Tombstones    []string
	Report        *Report // counts and lists; no losses
}

// ReadPlan reads what WritePlan wrote. each is called for every line and may be nil.
func ReadPlan(r io.Reader, each func(Receipt) error) (*PlanFile, error) {
	return nil, errors.ErrUnsupported
}

// Journal is the memory of one run, on disk: what was written under which id.
type Journal struct{}

// OpenJournal opens the journal at path, or prepares to make it: the file comes into being with
// Apply. A tail that was torn by a crash is cut off. Close it.
func OpenJournal(path string) (*Journal, error) { return &Journal{}, nil }

// Run is the id of its run; empty: none has begun.
func (j *Journal) Run() string { return "" }

// Done tells whether its run has ended and counts.
func (j *Journal) Done() bool { return false }

// Close releases the file.
func (j *Journal) Close() error { return nil }
