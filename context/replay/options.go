package replay

import (
	"errors"
	"io"
	"time"

	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/mapping"
)

// Errors that callers act on.
var (
	// ErrStale: archive, target or options are not those that the plan was made for.
	ErrStale = errors.New("replay: the plan is stale")
	// ErrJournal: the journal is of another run, archive or target, is in use, or cannot be read.
	ErrJournal = errors.New("replay: journal")
	// ErrOtherRun: the journal is of a run that does not go on as it is asked to. With a journal that is not
	// there yet another run begins. It is an ErrJournal.
	ErrOtherRun = errors.New("replay: the journal is of another run")
	// ErrSource: the state is cut short, or is not one that can be replayed as a whole.
	ErrSource = errors.New("replay: source")
	// ErrTarget: the target cannot take this state. Drivers wrap it in what Begin returns.
	ErrTarget = errors.New("replay: target")
	// ErrRule: a constraint, a trigger or the like, which the target's owner made, does not let a record in or out.
	// The same command goes on when that is mended, or the record is left out.
	ErrRule = errors.New("a rule of the target")
)

// Options are the options of Plan and Apply. A nil pointer is the zero value; Apply needs a Journal.
type Options struct {
	Kinds []string // nil: all
	// Approved are keys of records that a person lets through: grants, policies, triggers,
	// credentials, tools, tool servers, skills, programs and operator's words are held without. The
	// files of a skill come with it, and those of a plugin with its manifest.
	// A grant waits all the same while a denial that may be of the same, or one that asks first, is left off.
	Approved []string
	// Approvals do so too, by name and date, and may narrow what they let through. One that would
	// widen it, or of a record that is not there, is ErrApproval before anything is written.
	Approvals []Approval
	// OnWaiting is called for each record that waits for an approval.
	OnWaiting func(Approval)
	// Tombstones are keys that must not be revived: of records, or of the principals that
	// records are about. With them goes all that derive would leave out: the source is read a few times more beforehand.
	Tombstones []string
	// Holds are keys like Tombstones, under a legal hold. What has a tombstone as well is Held: it is not
	// revived, and a person takes it off one of the two lists.
	Holds []string
	// Map renames on the way into the target; nil: nothing. It binds journal and plan. A target that
	// takes the runtime's own bytes (Exacter) is refused with mapping.ErrMap: the old names would
	// stay in them. With a map, the source is read once more beforehand.
	Map           *mapping.Map
	Journal       *Journal
	Refused       io.Writer // NDJSON: key, kind, action, why of all that was refused; a resumed run repeats it
	ArchiveSHA256 [32]byte  // digest of the archive's manifest; binds journal and plan
	TargetURL     string    // redacted; binds journal and plan
	ArchivePath   string    // where the archive is: kept in a plan for whoever carries it out, and not compared
	TargetModel   string    // embedding model of the program at the target, as a person says; empty: nobody does
	OnReceipt     func(Receipt)
	// AcceptSlow lets Apply begin what takes longer than MostTime; else that is ErrInfeasible.
	AcceptSlow bool
	// Reviewed is the plan that is carried out. Apply plans again, compares and refuses with
	// ErrStale before anything is written; a run that was begun goes on without that. Plan does the first half.
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
	// NoPlace counts the records that are skipped and lost, by kind and reason: the first reasons of
	// a kind by their words, all others together.
	NoPlace  map[string]map[string]uint64
	Erased   uint64        // of what is skipped: has a tombstone, or is one
	Held     []string      // keys that wait for a person
	Time     time.Duration // of a plan: how long writing takes at the least, by the target's own limits
	Formula  string        // how Time was computed; empty: the target cannot say
	Rules    []string      // of a plan: what the target's owner made that may keep rows out (Ruler)
	Notes    []string      // what a person should know of what arrives as it was (Noter)
	Labelled uint64        // records that were labelled as imported, of those that are there now
	// Undenied are denials, and rules to ask first, that were in force in the source and that the target does not take,
	// where it takes other grants: it may allow what the source did not.
	Undenied uint64
	// Idle are the keys that were approved and under which nothing waited, sorted: a typing error, or another archive's. A run
	// that goes on where another one ended does not know.
	Idle      []string
	Waiting   uint64 // of what is held: waits for an approval; the rest for something else
	Conflicts []Receipt
	Refused   []Receipt
	Foretold  []Receipt // of a plan, of what waits for an approval: would be refused with it too, and why
	ForetoldN uint64
	Resumed   uint64          // records that an earlier attempt had an answer for, written or not, and that this one did not touch
	Map       *mapping.Report // what the map meets; nil: there is none
	Rewritten uint64          // fields that the map renamed, and that the target writes in another way again
	Answers   [32]byte        // digest over every record's key and answer, in order
}
