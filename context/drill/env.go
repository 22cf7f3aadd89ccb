package drill

import (
	"context"
	"io"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/context/models"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Env is what a drill does its work with. A drill knows no archive format and no runtime: package
// exitdrill has both.
type Env struct {
	Archives Archives
	// Controls tries what has to be refused, on altered copies of the archive. What does not apply
	// to this archive is said in skipped.
	Controls func(ctx context.Context, path string, f *Facts) (ran []evidence.NegativeControl, skipped []string, err error)
	Source   func(ctx context.Context) (Runtime, error) // never called in a stressed drill
	Target   func(ctx context.Context) (Runtime, replay.Target, error)
	// Embedded is an archive whose vectors are made anew, as the plan's embedder has it; in a plan nothing
	// is made. nil: vectors go as they are.
	Embedded func(ctx context.Context, src Runtime, plan bool) (*Embedded, error)
	// Expected is what a read-back of the run of j wants to find: the archive, with the vectors that the run
	// made. nil: the archive.
	Expected func(src agentstate.Source, j *replay.Journal) (agentstate.Source, io.Closer, error)
	// Unmixed refuses to bring vectors of two models into one index. unsaid: neither side names its model. nil: not asked.
	Unmixed func(ctx context.Context, src agentstate.Source, rt Runtime, dst replay.Target, o *replay.Options) (unsaid bool, err error)
	// ReadBack has a second process call [ReadBack] with this journal. nil: this process does it,
	// and the evidence says so.
	ReadBack func(ctx context.Context, journal string) (*Back, error)
	// Replay are the options of plan and replay that come from files: what is approved, what must not
	// come back.
	Replay replay.Options
	// Tasks runs the users' tasks at the source, at the target and at a target without the state.
	// nil: not tested.
	Tasks func(ctx context.Context) (*harness.Scores, map[string]Played, error)
	// SecondReader has the plan's other program read the archive. nil: the plan names none.
	SecondReader func(ctx context.Context, path string) (*SecondReading, error)
	// Gone tells whether a key is one of the records that the provider was asked to delete. nil: nobody asked.
	Gone func(key string) bool
	// Register is the text of the provider's register of formats, as it was kept. nil: the plan names none.
	Register []byte
	// Confirmed is the digest of what the provider wrote about the records that are Gone; empty: nothing.
	Confirmed string
	Asked     uint64 // keys that are Gone
	// Sign makes a bundle of the statement. nil: nobody signs.
	Sign    func(ctx context.Context, statement []byte) ([]byte, error)
	SignKey string // fingerprint of the key that Sign uses

	Models  *models.Dates // when models end; nil: what the runtime says
	Tool    evidence.Tool
	Blocked evidence.Block // how the provider is kept out
	// BlockProof is what the system showed of that, as text. It is kept beside the statement, which has
	// its digest. Empty: nothing is kept.
	BlockProof []byte
	Now        func() time.Time // nil: time.Now
	// Progress is told when a phase begins, and of each record in it. May be nil.
	Progress func(phase string, r agentstate.Record)
}

// Runtime is an open runtime.
type Runtime interface {
	agentstate.Source
	io.Closer
}

// Embedded is a Runtime whose vectors are made anew.
type Embedded struct {
	Source *embed.Source
	Model  string // with its dimensions, for people
	io.Closer
}

// SecondReading is what a program that shares no code with this one read in an archive.
type SecondReading struct {
	Name           string            `json:"name"` // of the program, with its version
	ManifestSHA256 string            `json:"manifest_sha256"`
	Kinds          map[string]uint64 `json:"kinds"` // records, by kind
	Refused        string            `json:"-"`     // why it took the archive for none; empty: it read it
	// Output is what it said, as it said it: kept beside the statement. Empty: it said nothing.
	Output []byte `json:"output,omitempty"`
	// Files are the program and its script, with digests, but for what cannot be read. Run fills them in.
	Files []evidence.Subject `json:"files,omitempty"`
}

// secondOutput is the end of the name of the file with it.
const secondOutput = ".second-reader.json"

func (s *SecondReading) said() []byte {
	if s == nil {
		return nil
	}
	return s.Output
}

// Archives makes, checks and opens archives.
type Archives interface {
	// Seal writes src into a new archive at path, and signs it where the plan has a key. It goes on
	// after a run that was broken off.
	Seal(ctx context.Context, path string, src agentstate.Source, each func(agentstate.Record)) error
	// Check checks every byte and every record. What is not as it was sealed is a *Refused.
	Check(ctx context.Context, path string) (*Facts, error)
	// Open opens an archive to act on, as Check would have it. Where it is not the one with this digest of its
	// manifest, in hexadecimal, that is ErrExchanged.
	Open(ctx context.Context, path, manifest string) (Runtime, error)
}

// Facts are what is known of an archive that was checked.
type Facts struct {
	Archive  evidence.Archive
	Tool     string // that made it, with its version
	Lineage  string
	Sequence uint64
	Records  map[string]uint64 // by kind
	Verdict  agentstate.Verdict
	Dangling uint64              // references that lead out of the archive
	Unknown  uint64              // records of kinds that this release does not know
	Schemas  map[string]bool     // kinds that the schema inside describes
	Roots    map[string][]string // of each kind, the roots over its shards, in hexadecimal; nil: not all can be read
	Known    bool                // a release published that schema
	Weakest  string              // "pq", "classic", "passphrase"; empty: not encrypted
	Escrow   uint64              // escrow keys of the plan; each opened all of it

	Origins    []*pb.Origin
	Statements []*pb.Completeness
	Gaps       []*pb.Gap

	Stamped     time.Time // when it was signed, by a time stamp authority
	Independent string    // tool of others that agrees on digests and signature, with its version
	NotVerified []string
}

// Refused is an archive that is not to be acted on, or a state that is not to be sealed: doing it again does not help.
type Refused struct {
	Class string // "digest", "untrusted", …
	Err   error
}

// Error is the refusal in words.
func (r *Refused) Error() string { return r.Err.Error() }

// Unwrap is the refusal itself.
func (r *Refused) Unwrap() error { return r.Err }
