package format

import (
	"context"
	"fmt"
	"io"
	"sync"

	"filippo.io/age"
	"golang.org/x/sync/errgroup"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/format/internal/seal"
)

// VerifyOptions are the options of Verify.
type VerifyOptions struct {
	ReaderOptions
	StoredOnly bool // read and compare stored bytes alone: no key, nothing decoded

	// Require are identities of which each has to open every compartment, such as that of an
	// escrow: age does not say who its recipients are, so it takes the identity to tell.
	Require []age.Identity
}

// The levels of a Verification.
const (
	LevelStored = "stored" // every member is the one that was sealed
	LevelDeep   = "deep"   // and every record, vector, blob and index entry in it follows the rules
)

// Verification is what Verify found: three facts, never one tick. It exists only for an archive
// that passed.
type Verification struct {
	Level        string       // LevelStored or LevelDeep
	Integrity    string       // "INTACT"
	Authenticity string       // "AUTHENTIC: signed by <names and key ids>", or "not checked: …"
	Freshness    string       // "checked: …", or "not checked"
	SignedBy     []TrustedKey // the keys whose signatures the policy found good
	Lineage      string       // the line of archives that it is of
	Sequence     uint64       // its place in the line

	Members        int
	Bytes          int64             // of the file
	Records        map[string]uint64 // by kind; what the keys at hand show
	Unknown        uint64            // records of kinds that this build does not understand
	Dangling       uint64            // references to records that are not in the archive; deep only
	Coverage       agentstate.Verdict
	NotVerified    []string // what the level does not cover: "compartment 2"
	ManifestSHA256 [32]byte
}

// Verify checks a whole archive. A compartment whose key is not at hand is checked as stored and
// named under NotVerified; the level is deep only where there is none. Identities of which none opens
// anything are ErrNoIdentity: who gave one asked for the records. Deep verification keeps
// some 17 bytes a record in memory.
func Verify(ctx context.Context, ra io.ReaderAt, size int64, opts *VerifyOptions) (*Verification, error) {
	if opts == nil {
		opts = &VerifyOptions{}
	}
	a, err := openArchive(ra, size, &opts.ReaderOptions)
	if err != nil {
		return nil, err
	}
	v := &verifier{a: a, opts: opts, out: &Verification{
		Level: LevelStored, Integrity: "INTACT", Authenticity: a.authenticity(), Freshness: a.fresh(), SignedBy: a.signed,
		Lineage: a.man.Lineage, Sequence: a.man.Sequence, Members: len(a.entries), Bytes: size, Records: map[string]uint64{}, ManifestSHA256: a.manSum,
	}}
	if b, err := a.stored(nameBagit); err != nil {
		return nil, err
	} else if string(b) != bagit {
		return nil, refuse(ErrManifest, nameBagit, "not the constant that it has to be")
	}
	if err := a.require(opts.Require); err != nil {
		return nil, err
	}
	v.out.Coverage = agentstate.Verdict{Coverage: agentstate.ParseCoverage(a.man.Coverage)}
	if opts.StoredOnly {
		return v.out, v.storedOnly(ctx)
	}
	if v.c, err = a.openContents(&opts.ReaderOptions); err != nil {
		return nil, err
	}
	if n := len(a.man.Compartments); n > 0 && len(opts.Identities) > 0 && len(v.c.closed) == n {
		return nil, refuse(ErrNoIdentity, "", "none of those that are given opens a compartment; without any, the stored bytes are checked")
	}
	if err := v.deep(ctx); err != nil {
		return nil, err
	}
	return v.out, nil
}

func (a *archive) authenticity() string {
	switch {
	case len(a.signed) > 0:
		return "AUTHENTIC: signed by " + join(a.signed)
	case a.man.encrypted():
		return "not checked: integrity only; encryption does not tell who wrote it"
	}
	return "not checked: integrity only"
}

// require checks that each of ids opens every compartment.
func (a *archive) require(ids []age.Identity) error {
	for i, id := range ids {
		c := &contents{a: a, keys: make([]*seal.Key, len(a.man.Compartments))}
		for n := range a.man.Compartments {
			if err := c.unlock(n, &ReaderOptions{Identities: []age.Identity{id}}); err != nil {
				return err
			}
			if c.keys[n] == nil {
				return refuse(ErrNoIdentity, fmt.Sprintf("keys/%d", n), fmt.Sprintf("identity %d of the %d that have to open it does not", i+1, len(ids)))
			}
		}
	}
	return nil
}

// verifier holds the state of one Verify.
type verifier struct {
	a    *archive
	c    *contents
	opts *VerifyOptions
	out  *Verification

	places places
	mu     sync.Mutex
	tally  agentstate.Tally
	keys   map[[32]byte]bool // digests of keys whose fingerprint another record has as well
}

// each calls f for 0 to n-1 on several goroutines.
func (v *verifier) each(ctx context.Context, n int, f func(d *decoder, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	next := make(chan int)
	g.Go(func() error {
		defer close(next)
		for i := range n {
			select {
			case next <- i:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range workers(v.opts.Workers) {
		g.Go(func() error {
			var d *decoder
			if v.c != nil {
				var err error
				if d, err = v.c.newDecoder(); err != nil {
					return err
				}
				defer d.close()
				d.refs = &refCache{}
			}
			for i := range next {
				if err := f(d, i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// storedOnly compares the stored bytes of every member.
func (v *verifier) storedOnly(ctx context.Context) error {
	if v.a.man.encrypted() {
		v.out.NotVerified = append(v.out.NotVerified, "what is inside the encrypted members")
	}
	return v.storedMembers(ctx, v.a.entries)
}

func (v *verifier) storedMembers(ctx context.Context, es []container.Entry) error {
	bufs := sync.Pool{New: func() any { return new([]byte) }}
	return v.each(ctx, len(es), func(_ *decoder, i int) error {
		buf := bufs.Get().(*[]byte)
		defer bufs.Put(buf)
		_, err := v.a.storedIn(buf, es[i].Name[len(v.a.prefix):])
		return err
	})
}
