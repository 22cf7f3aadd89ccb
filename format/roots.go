package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format/internal/seal"
	"github.com/exitramp/exitramp/format/internal/tree"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// contents is an archive with keys and roots: steps 7 and 8.
type contents struct {
	a       *archive
	keys    []*seal.Key // by compartment; nil: closed, or not encrypted
	roots   []*pb.Root  // by compartment; nil: closed
	closed  []int       // compartments that no identity opened
	shards  map[uint64]*shardTable
	vectors map[uint64]*vectorTable
	blobs   map[uint64]*blobTable
	summary *pb.Summary // nil: compartment 0 is closed
	verdict agentstate.Verdict
}

type shardTable struct {
	*pb.Shard
	comp int
}

type vectorTable struct {
	*pb.VectorMember
	comp int
	refs atomic.Uint64 // records that use it, where all are read
}

type blobTable struct {
	*pb.BlobEntry
	comp int
	refs atomic.Uint64
}

// openContents does steps 7 and 8. Where not one compartment opens, it is ErrNoIdentity unless
// closed archives will do.
func (a *archive) openContents(opts *ReaderOptions) (*contents, error) {
	c := &contents{
		a: a, shards: map[uint64]*shardTable{}, vectors: map[uint64]*vectorTable{}, blobs: map[uint64]*blobTable{},
	}
	n := max(1, len(a.man.Compartments))
	c.keys, c.roots = make([]*seal.Key, n), make([]*pb.Root, n)
	for i := range a.man.Compartments {
		if err := c.unlock(i, opts); err != nil {
			return nil, err
		}
	}
	d, err := c.newDecoder()
	if err != nil {
		return nil, err
	}
	defer d.close()
	for i := range n {
		if a.members[rootName(i, a.man.encrypted())] == nil {
			return nil, refuse(ErrContainer, rootName(i, a.man.encrypted()), "missing")
		}
		a.members[rootName(i, a.man.encrypted())].used = true
		if a.man.encrypted() && c.keys[i] == nil {
			continue
		}
		if err := c.root(d, i); err != nil {
			return nil, err
		}
	}
	for _, step := range []func() error{c.tile, c.leaves, c.coverage} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// unlock unwraps the key of compartment i and compares it with the manifest.
func (c *contents) unlock(i int, opts *ReaderOptions) error {
	mc := c.a.man.Compartments[i]
	for n, f := range c.a.wraps[i] {
		class, cost, err := wrapClass(f)
		if err != nil {
			return refuse(ErrKey, keyName(i, n+1), err.Error())
		}
		if cost > c.a.lim.WorkFactor {
			return refuse(ErrLimit, keyName(i, n+1), fmt.Sprintf("scrypt with 2^%d, at most 2^%d", cost, c.a.lim.WorkFactor))
		}
		if class > seal.ParseClass(mc.Weakest) {
			return mismatch(ErrKey, keyName(i, n+1), "weakest recipient", mc.Weakest, class.String())
		}
	}
	key, err := seal.Unwrap(c.a.wraps[i], opts.Identities)
	switch {
	case errors.Is(err, seal.ErrNoIdentity):
		c.closed = append(c.closed, i)
		return nil
	case err != nil:
		return refuse(ErrKey, fmt.Sprintf("keys/%d", i), err.Error())
	}
	if sum := key.RecipientSHA256(); hex.EncodeToString(sum[:]) != mc.RecipientSHA256 {
		return mismatch(ErrKey, fmt.Sprintf("keys/%d", i), "recipient_sha256", mc.RecipientSHA256, hex.EncodeToString(sum[:]))
	}
	c.keys[i] = key
	return nil
}

// root reads the root of compartment i and enters its tables.
func (c *contents) root(d *decoder, i int) error {
	name := rootName(i, c.a.man.encrypted())
	raw, err := d.content(nil, i, name, -1)
	if err != nil {
		return err
	}
	r := &pb.Root{}
	if err := (proto.UnmarshalOptions{RecursionLimit: c.a.lim.Depth}).Unmarshal(raw, r); err != nil {
		return refuse(ErrPayload, name, "not a Root: "+err.Error())
	}
	if !bytes.Equal(r.ArchiveId, c.a.man.id[:]) || r.Compartment != uint32(i) {
		return refuse(ErrPayload, name, "root of another archive or compartment")
	}
	c.roots[i] = r
	for _, s := range r.Shards {
		if err := c.enterShard(i, s); err != nil {
			return refuseIn(name, err)
		}
	}
	for _, v := range r.Vectors {
		if err := c.enterVectors(i, v); err != nil {
			return refuseIn(name, err)
		}
	}
	for _, b := range r.Blobs {
		if err := c.enterBlob(i, b); err != nil {
			return refuseIn(name, err)
		}
	}
	for _, run := range r.Index {
		if err := c.enterRun(run); err != nil {
			return refuseIn(name, err)
		}
	}
	if (i == 0) != (r.Summary != nil) {
		return refuse(ErrPayload, name, "a summary is in the root of compartment 0 alone")
	}
	if i == 0 {
		c.summary = r.Summary
	}
	return nil
}

func refuseIn(member string, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return refuse(ErrPayload, member, err.Error())
}

// claim takes the data member name for a table of the root: it has to be there, of the declared
// size, and no other table's.
func (c *contents) claim(name, plain string, stored uint64) error {
	m := c.a.members[name]
	switch {
	case m == nil:
		return fmt.Errorf("%q is not in the archive", name)
	case m.used:
		return fmt.Errorf("%s twice", name)
	case uint64(m.entry.Size) != stored:
		if _, err := c.a.stored(name); err != nil {
			return err // it is the member that was changed, not the table
		}
		return fmt.Errorf("%s has %d bytes, not %d", name, m.entry.Size, stored)
	case c.a.man.encrypted() && m.place.typ != typeOpaque, !c.a.man.encrypted() && name != plain:
		return fmt.Errorf("%s is no name for %s", name, plain)
	}
	m.used = true
	return nil
}

func (c *contents) enterShard(comp int, s *pb.Shard) error {
	if !isKind(s.Kind) || s.Kind == "mark" || c.shards[s.Ordinal] != nil || s.Ordinal == 0 || len(s.Root) != 32 || s.Encoding != pb.Encoding_ENCODING_PROTO {
		return fmt.Errorf("shard %d of %q: kind, ordinal, root or encoding is not valid", s.Ordinal, s.Kind)
	}
	if s.Count == 0 || s.Count > s.RawSize/2 || s.RawSize > uint64(c.a.lim.Raw) {
		return fmt.Errorf("shard %d: %d records in %d bytes", s.Ordinal, s.Count, s.RawSize)
	}
	c.shards[s.Ordinal] = &shardTable{s, comp}
	return c.claim(s.Member, recordsName(s.Kind, s.Ordinal), s.StoredSize)
}

func (c *contents) enterVectors(comp int, v *pb.VectorMember) error {
	if v.Ordinal == 0 || c.vectors[v.Ordinal] != nil || v.Encoding != pb.Encoding_ENCODING_PLANES {
		return fmt.Errorf("vector member %d: ordinal or encoding is not valid", v.Ordinal)
	}
	if v.VectorSize == 0 || v.VectorSize%4 != 0 || v.RawSize > uint64(c.a.lim.Raw) || v.Count == 0 || v.Count > v.RawSize || v.Count*v.VectorSize != v.RawSize || v.VectorSize > v.RawSize {
		return fmt.Errorf("vector member %d: %d vectors of %d bytes in %d", v.Ordinal, v.Count, v.VectorSize, v.RawSize)
	}
	c.vectors[v.Ordinal] = &vectorTable{VectorMember: v, comp: comp}
	return c.claim(v.Member, vectorsName(v.Ordinal), v.StoredSize)
}

func (c *contents) enterBlob(comp int, b *pb.BlobEntry) error {
	want := max(1, (b.Size+chunkSize-1)/chunkSize)
	if b.Number == 0 || c.blobs[b.Number] != nil || len(b.Sha256) != 32 || b.Chunks != want || b.Chunks > uint64(c.a.lim.Members) {
		return fmt.Errorf("blob %d: number, digest or chunks are not valid", b.Number)
	}
	c.blobs[b.Number] = &blobTable{BlobEntry: b, comp: comp}
	for i := range b.Chunks {
		name := chunkName(b.Number, i+1, c.a.man.encrypted())
		m := c.a.members[name]
		if m == nil || m.used {
			return fmt.Errorf("%s is missing or twice", name)
		}
		m.used = true
	}
	return nil
}

func (c *contents) enterRun(run *pb.IndexRun) error {
	last := uint64(0)
	for _, p := range run.Pages {
		if p.First > p.Last || p.First < last || p.Last >= 1<<fingerprintBits || p.Count == 0 || p.Count > p.RawSize || p.RawSize > 1<<20 {
			return fmt.Errorf("index page %s: fences are not valid", p.Member)
		}
		last = p.Last
		n := parseName(p.Member).n
		if err := c.claim(p.Member, indexName(n), p.StoredSize); err != nil {
			return err
		}
	}
	return nil
}

// tile checks that the roots speak of every data member.
func (c *contents) tile() error {
	for name, m := range c.a.members {
		switch {
		case !m.data || m.used:
		case m.place.typ == typeRoot:
			return refuse(ErrPayload, name, "root of a compartment that the manifest does not name")
		case len(c.closed) == 0:
			return refuse(ErrPayload, name, "no root speaks of it")
		case m.place.age != c.a.man.encrypted():
			return refuse(ErrPayload, name, "not encrypted in an encrypted archive")
		}
	}
	return nil
}

// leaves checks the tree over the shards against the manifest.
func (c *contents) leaves() error {
	n := c.a.man.Records.Shards
	if n > uint64(len(c.a.members)) {
		return mismatch(ErrPayload, nameManifest, "record shards", fmt.Sprint(n), "fewer members")
	}
	if len(c.closed) == 0 && uint64(len(c.shards)) != n {
		return mismatch(ErrPayload, nameManifest, "record shards", fmt.Sprint(n), fmt.Sprint(len(c.shards)))
	}
	var given []byte
	for i, r := range c.roots {
		if r == nil {
			continue
		}
		if len(c.roots) > 1 && uint64(len(r.ShardLeaves)) != 32*n || len(c.roots) == 1 && len(r.ShardLeaves) != 0 {
			return refuse(ErrPayload, rootName(i, c.a.man.encrypted()), fmt.Sprintf("%d bytes of shard leaves for %d shards", len(r.ShardLeaves), n))
		}
		if given != nil && !bytes.Equal(given, r.ShardLeaves) {
			return refuse(ErrPayload, rootName(i, c.a.man.encrypted()), "shard leaves differ between compartments")
		}
		given = r.ShardLeaves
	}
	if given == nil && len(c.closed) == len(c.roots) {
		return nil // nothing is open
	}
	var t tree.Tree
	for i := range n {
		leaf, err := c.leaf(i, given)
		if err != nil {
			return err
		}
		t.Append(leaf)
	}
	if got := t.Root(); got != c.a.man.root() {
		return mismatch(ErrPayload, nameManifest, "records.root", c.a.man.Records.Root, hex.EncodeToString(got[:]))
	}
	return nil
}

// leaf is the leaf of the i-th shard, from 0; given has those of all, where the roots have them.
func (c *contents) leaf(i uint64, given []byte) (leaf tree.Hash, err error) {
	if len(given) > 0 {
		copy(leaf[:], given[32*i:])
	}
	if s := c.shards[i+1]; s != nil {
		own := tree.ShardLeaf(s.Kind, s.Ordinal, s.Count, [sha256.Size]byte(s.Root))
		if len(given) > 0 && own != leaf {
			return leaf, refuse(ErrPayload, s.Member, "shard leaf differs from the root's")
		}
		leaf = own
	} else if len(given) == 0 {
		return leaf, refuse(ErrPayload, nameManifest, fmt.Sprintf("shard %d is missing", i+1))
	}
	return leaf, nil
}

// checkBlob refuses a record's blob that its compartment does not have.
func (c *contents) checkBlob(comp int, b blobRef) error {
	n, ok := blobNumber(string(b.id))
	t := c.blobs[n]
	if !ok || t == nil || t.comp != comp {
		return fmt.Errorf("blob %q is not in the record's compartment", b.id)
	}
	if t.Size != b.size || !bytes.Equal(t.Sha256, b.sum) {
		return fmt.Errorf("blob %s has other size or digest than the root says", b.id)
	}
	return nil
}
