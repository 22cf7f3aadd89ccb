package format

import (
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/seal"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// maxInfoGaps is how many gaps an Info lists; its verdict counts them all.
const maxInfoGaps = 1000

// Info is what an archive says of itself. Up to Attestations it is from the manifest and needs
// no key.
type Info struct {
	ArchiveID      string
	Lineage        string
	Sequence       uint64
	Base           string // SHA-256 of the manifest that it follows; empty: none
	Created        time.Time
	Tool           string
	Encryption     string // "none" or "age"
	Compartments   []CompartmentInfo
	Weakest        string // of all compartments: "pq", "classic", "passphrase"; empty: not encrypted
	OpensWith      string // the oldest age that opens it: "1.3"; empty: not encrypted
	Members        int
	Bytes          int64 // of the file
	PayloadMembers uint64
	PayloadBytes   uint64
	Coverage       string // RECONCILED, LISTED, GAPS or UNKNOWN
	SchemaSHA256   string
	KnownSchema    bool // a known release published it
	ManifestSHA256 [32]byte
	RecordsRoot    string       // over all records, in hexadecimal: SPEC.md, section 7
	Shards         uint64       // leaves of that tree
	Shreddable     bool         // the key files lie beside the archive: who destroys them, destroys every copy
	Attestations   int          // signatures in the archive, whoever made them
	SignedBy       []TrustedKey // the keys whose signatures the policy found good

	// Open: compartment 0 could be read. Else what follows is empty.
	Open       bool
	Records    map[string]uint64 // by kind
	Views      map[string]uint64 // of those, readings of other records
	Unknown    uint64            // records of kinds that this build does not understand
	Verdict    agentstate.Verdict
	Origins    []*pb.Origin        // Inspect alone fills in what follows
	Statements []*pb.Completeness  // observer, account, window
	Gaps       []*pb.Gap           // the first 1,000
	Roots      map[string][]string // of each kind, the roots over its shards in their order, in hexadecimal; nil: a compartment is closed
}

// CompartmentInfo is one compartment.
type CompartmentInfo struct {
	N         int
	Name      string // empty: none was given, or compartment 0 is closed
	Weakest   string
	OpensWith string // the oldest age
	Open      bool   // an identity at hand opens it
}

// Info is what the archive says of itself, without its records.
func (r *Reader) Info() *Info { return r.c.info() }

// Inspect says what an archive says of itself: without keys what the manifest says, with keys
// also origins, observer, counts and gaps. It reads no other records.
func Inspect(ra io.ReaderAt, size int64, opts *ReaderOptions) (*Info, error) {
	a, err := openArchive(ra, size, opts)
	if err != nil {
		return nil, err
	}
	c, err := a.openContents(opts)
	if err != nil {
		return nil, err
	}
	info := c.info()
	if !info.Open {
		return info, nil
	}
	info.Roots = c.shardRoots()
	r := newReader(c, opts)
	for _, s := range r.inOrder([]string{}) {
		if s.Kind == "tombstone" {
			continue
		}
		recs, err := r.load(s)
		if err != nil {
			return nil, err
		}
		info.add(recs)
	}
	return info, nil
}

// shardRoots are the roots over the shards of each kind; nil: not all can be read.
func (c *contents) shardRoots() map[string][]string {
	if len(c.closed) > 0 {
		return nil
	}
	roots := map[string][]string{}
	for _, n := range slices.Sorted(maps.Keys(c.shards)) {
		s := c.shards[n]
		roots[s.Kind] = append(roots[s.Kind], hex.EncodeToString(s.Root))
	}
	return roots
}

func (i *Info) add(recs []agentstate.Wired) {
	for _, w := range recs {
		switch r := w.Record.(type) {
		case *pb.Origin:
			i.Origins = append(i.Origins, r)
		case *pb.Completeness:
			i.Statements = append(i.Statements, r)
		case *pb.Gap:
			if len(i.Gaps) < maxInfoGaps {
				i.Gaps = append(i.Gaps, r)
			}
		}
	}
}

func (a *archive) info() *Info {
	m := a.man
	i := &Info{
		ArchiveID: m.ArchiveID, Lineage: m.Lineage, Sequence: m.Sequence, Created: m.created, Tool: m.Tool,
		Encryption: m.Encryption, Members: len(a.entries), Bytes: a.size,
		PayloadMembers: m.Payload.Members, PayloadBytes: m.Payload.Bytes, Coverage: m.Coverage,
		SchemaSHA256: m.SchemaSHA256, KnownSchema: publishedSchema(m.SchemaSHA256),
		ManifestSHA256: a.manSum, RecordsRoot: m.Records.Root, Shards: m.Records.Shards, Shreddable: m.shreddable(), Attestations: a.bundles, SignedBy: a.signed,
	}
	if m.Base != nil {
		i.Base = *m.Base
	}
	weakest := seal.Class(0)
	for _, c := range m.Compartments {
		class := seal.ParseClass(c.Weakest)
		weakest = max(weakest, class)
		i.Compartments = append(i.Compartments, CompartmentInfo{N: c.N, Weakest: c.Weakest, OpensWith: class.OldestAge()})
	}
	if m.encrypted() {
		i.Weakest = weakest.String()
		for _, c := range i.Compartments {
			if i.OpensWith == "" || c.OpensWith > i.OpensWith {
				i.OpensWith = c.OpensWith
			}
		}
	}
	return i
}

func (c *contents) info() *Info {
	i := c.a.info()
	for n := range i.Compartments {
		i.Compartments[n].Open = c.roots[n] != nil
	}
	if c.summary == nil {
		return i
	}
	i.Open = true
	for n, s := range c.summary.Compartments {
		if n < len(i.Compartments) {
			i.Compartments[n].Name = s.Name
		}
	}
	i.Records, i.Views, i.Verdict = map[string]uint64{}, map[string]uint64{}, c.verdict
	known := map[string]bool{}
	for _, k := range agentstate.Kinds() {
		known[k] = true
	}
	for _, k := range c.summary.Kinds {
		if k.Records == 0 {
			continue
		}
		i.Records[k.Kind], i.Views[k.Kind] = k.Records, k.Views
		if !known[k.Kind] {
			i.Unknown += k.Records
		}
	}
	return i
}

// ManifestHex is ManifestSHA256 in hexadecimal.
func (i *Info) ManifestHex() string { return hex.EncodeToString(i.ManifestSHA256[:]) }
