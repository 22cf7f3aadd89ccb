package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/tree"
)

// Proven is what a proof shows: this record was in this archive.
type Proven struct {
	Key       string
	Kind      string
	Record    agentstate.Record // as it is stored: of a vector or blob it has the digest
	ArchiveID string
	Lineage   string
	Sequence  uint64
	Created   time.Time

	Authenticity   string // as in Verification
	Freshness      string
	SignedBy       []TrustedKey
	ManifestSHA256 [32]byte
}

// CheckProof checks a file that Prove wrote, without the archive. Of the options it takes the
// policy, which is required, Limits, AcceptSchema, and those about freshness. A proof without a
// signature shows that the record belongs to manifest.json, by whomever.
func CheckProof(b []byte, opts *ReaderOptions) (*Proven, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	a := &archive{lim: opts.Limits.orDefault()}
	if len(b) > maxProof {
		return nil, refuse(ErrLimit, "", fmt.Sprintf("a proof of %d bytes, at most %d", len(b), maxProof))
	}
	p, err := parseProof(b, &a.lim)
	if err != nil {
		return nil, refuse(ErrProof, "", err.Error())
	}
	if a.signed, err = opts.Policy.Check(bytes.Clone(p.manifest), p.bundles); err != nil {
		return nil, untrusted(err)
	}
	a.manSum = sha256.Sum256(p.manifest)
	if a.man, err = parseManifest(p.manifest, &a.lim); err != nil {
		return nil, err
	}
	if err := a.freshness(opts); err != nil {
		return nil, err
	}
	if !opts.AcceptSchema && !publishedSchema(a.man.SchemaSHA256) {
		return nil, refuse(ErrSchema, schemaName(a.man.SchemaSHA256), "it may call things by other names; accept it only if you know where it is from")
	}
	if err := p.leads(a.man, &a.lim); err != nil {
		return nil, err
	}
	scan := newScanner(a.lim.Depth)
	if err := scan.record(p.kind, p.record); err != nil {
		return nil, refuse(ErrProof, "", "record: "+err.Error())
	}
	r := agentstate.New(p.kind)
	if err := (proto.UnmarshalOptions{RecursionLimit: a.lim.Depth}).Unmarshal(p.record, r); err != nil {
		return nil, refuse(ErrProof, "", fmt.Sprintf("%s: %v", scan.key, err))
	}
	return &Proven{
		Key: string(scan.key), Kind: p.kind, Record: r, ArchiveID: a.man.ArchiveID, Lineage: a.man.Lineage, Sequence: a.man.Sequence, Created: a.man.created,
		Authenticity: a.authenticity(), Freshness: a.fresh(), SignedBy: a.signed, ManifestSHA256: a.manSum,
	}, nil
}

// leads climbs from the record to the root that the manifest has.
func (p *proof) leads(m *manifest, lim *Limits) error {
	if p.count > uint64(lim.Raw/2) || m.Records.Shards > uint64(lim.Members) {
		return refuse(ErrLimit, "", fmt.Sprintf("%d records in a shard, %d shards", p.count, m.Records.Shards))
	}
	root, err := tree.Climb(tree.RecordLeaf(p.kind, p.nonce, p.record), p.position, p.count, p.path)
	if err != nil {
		return refuse(ErrProof, "", fmt.Sprintf("path of %d hashes for record %d of %d", len(p.path), p.position, p.count))
	}
	if p.ordinal == 0 {
		return refuse(ErrProof, "", "shards are counted from 1")
	}
	top, err := tree.Climb(tree.ShardLeaf(p.kind, p.ordinal, p.count, root), p.ordinal-1, m.Records.Shards, p.shards)
	if err != nil {
		return refuse(ErrProof, "", fmt.Sprintf("path of %d hashes for shard %d of %d", len(p.shards), p.ordinal, m.Records.Shards))
	}
	if top != m.root() {
		return mismatch(ErrProof, "", "records.root", m.Records.Root, hex.EncodeToString(top[:]))
	}
	return nil
}
