package format

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"time"

	"filippo.io/age"

	"github.com/exitramp/exitramp/context/agentstate"
)

// WriterOptions are the options of Create and NewWriter. The zero value writes an archive that
// is not encrypted.
type WriterOptions struct {
	// Recipients open compartment 0, which holds every record that no other compartment takes.
	// None, and no Compartments: the archive is not encrypted. Members follow the weakest of
	// them: post-quantum only where all of them are.
	Recipients   []age.Recipient
	Compartments []Compartment // further ones; they need Recipients

	// KeysBeside leaves the key files out of the archive: Create writes them into the folder
	// <path>.keys, any other Writer has them in KeyFiles. Who destroys that folder, and every copy
	// of it, destroys every copy of the archive: its manifest says shreddable.
	KeysBeside bool

	Small     bool // compress harder: about a tenth smaller, at two thirds of about 250 MB/s a core on text
	ShardSize int  // raw bytes at which a shard is closed; 0: 1 MiB, doubling every 16,384 shards up to 4 MiB
	Workers   int  // goroutines that compress and seal; 0: GOMAXPROCS

	// Created is the time in the manifest; zero: now. With Seed as well, an archive that is not
	// encrypted has the same bytes for the same records. Seed is secret: it makes the salts.
	Created time.Time
	Seed    []byte
	Now     func() time.Time // the clock, for Created; nil: time.Now. How long ago the last commit was goes by the machine's

	Tool     string // name and version of the program, in the clear; empty: "exitramp"
	Lineage  string // the line of archives that this one continues, in the clear; empty: its own id
	Sequence uint64 // place in the line; 0: 1
	Base     string // SHA-256 of the manifest.json that it follows, hexadecimal; empty: none

	// Source says what is read, in words of the caller: where, and how much of it. It is not in the
	// archive. A broken run of another Source is not gone on from: ErrResume.
	Source string

	Limits *Limits // nil: the defaults

	// A file is made durable, at a Mark, once this much has been written or this time has
	// passed since the last time. 0: 256 shards, 60 s.
	CommitShards   int
	CommitInterval time.Duration
}

// Compartment is a part of an archive under a key of its own. Name and size are known to those
// alone who can open compartment 0.
type Compartment struct {
	Name       string
	Recipients []age.Recipient
	Match      func(agentstate.Record) bool // the first compartment that matches takes the record; called once a record
}

// Policy decides whom to trust: [Trust], [IntegrityOnly], or one of your own. Its error refuses
// the archive.
type Policy interface {
	// Check gets manifest.json as it is in the archive and the signature bundles beside it,
	// before either is parsed. It returns the keys whose signatures it found good, at least one
	// unless it asks for no signature.
	Check(manifest []byte, bundles [][]byte) ([]TrustedKey, error)
}

// IntegrityOnly is the policy that asks for no signature: an archive that passes is as it was
// sealed, by whomever.
func IntegrityOnly() Policy { return integrityOnly{} }

type integrityOnly struct{}

func (integrityOnly) Check([]byte, [][]byte) ([]TrustedKey, error) { return nil, nil }

// ReaderOptions are the options of Open and NewReader.
type ReaderOptions struct {
	Identities   []age.Identity // that open compartments; none are needed where nothing is encrypted
	Policy       Policy         // required: nil is ErrNoPolicy
	Keys         fs.FS          // key files that lie beside the archive, see KeysBeside; Open finds them itself
	Limits       *Limits        // nil: the defaults
	AcceptSchema bool           // take a schema that no known release published
	// Partial yields the records of the compartments that the identities open. Without it,
	// Records ends with ErrNoIdentity where a compartment stays closed.
	Partial     bool
	Lineage     string  // not empty: the archive must be of this line
	MinSequence uint64  // not 0: and not be older than this
	Ledger      *Ledger // not nil: nor older than, or beside, what it has of the line; Ledger.Add notes a new one
	Workers     int     // goroutines that decode ahead; 0: GOMAXPROCS
}

func (o *WriterOptions) check() error {
	switch {
	case len(o.Compartments) > 0 && len(o.Recipients) == 0:
		return fmt.Errorf("%w: Compartments need Recipients, who open the rest of the archive", ErrOptions)
	case o.KeysBeside && len(o.Recipients) == 0:
		return fmt.Errorf("%w: KeysBeside without Recipients: there are no keys", ErrOptions)
	case len(o.Seed) > 0 && o.Created.IsZero():
		return fmt.Errorf("%w: Seed without Created makes nothing reproducible", ErrOptions)
	case len(o.Seed) > 0 && len(o.Recipients) > 0:
		return fmt.Errorf("%w: Seed with Recipients: an encrypted archive is never reproducible", ErrOptions)
	case o.Base != "" && !isHex(o.Base, 64):
		return fmt.Errorf("%w: Base is not the SHA-256 of a manifest.json in hexadecimal", ErrOptions)
	case len(o.Tool) > 256 || len(o.Lineage) > 256:
		return fmt.Errorf("%w: Tool or Lineage is longer than 256 bytes", ErrOptions)
	}
	lim := o.Limits.orDefault()
	if n, most := len(o.Compartments)+1, min(lim.Compartments, mostCompartments); n > most {
		return fmt.Errorf("%w: %d compartments, at most %d", ErrOptions, n, most)
	}
	if o.ShardSize < 0 || int64(o.ShardSize) > lim.Raw/4 {
		return fmt.Errorf("%w: ShardSize %d, at most %d", ErrOptions, o.ShardSize, lim.Raw/4)
	}
	for i, c := range o.Compartments {
		if len(c.Recipients) == 0 || c.Match == nil {
			return fmt.Errorf("%w: compartment %d has no Recipients or no Match", ErrOptions, i+1)
		}
	}
	return nil
}

func (o *WriterOptions) workers() int { return workers(o.Workers) }

func workers(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

func (o *ReaderOptions) check() error {
	if o == nil || o.Policy == nil {
		return &Error{Class: "no-policy", Err: errors.New("give a trust file, or ask for integrity alone")}
	}
	return nil
}
