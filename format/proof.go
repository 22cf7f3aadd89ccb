package format

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/format/internal/tree"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// proofFormat is the format of the file that Prove writes.
const proofFormat = "ctxa-proof/1"

// maxProof is the greatest proof: a record of 16 MiB in base64, and what goes with it.
const maxProof = 32 << 20

// proof is the file: one record, and what leads from it to manifest.json. It has one legal
// spelling, the one of marshal.
type proof struct {
	kind     string
	record   []byte // as it is stored
	nonce    tree.Hash
	position uint64 // in its shard, from 0
	count    uint64 // of records in the shard
	path     []tree.Hash
	ordinal  uint64 // of the shard, from 1; the manifest says how many there are
	shards   []tree.Hash
	manifest []byte
	bundles  [][]byte
}

// Prove makes a file that shows, without the archive, that the record of this key was in it:
// CheckProof reads it. It holds the record as it is stored, its nonce, manifest.json, the
// signatures in the archive and those beside it that are given. Of other records it has hashes
// alone, which are salted and tell nothing of them, and their number. A vector or blob of the
// record is in it by its digest.
func (r *Reader) Prove(ctx context.Context, key string, beside ...[]byte) ([]byte, error) {
	p := &proof{}
	err := r.locate(ctx, key, func(_ *decoder, s *shardTable, raw *rawShard, i int) error {
		return r.prove(p, s, raw, i)
	})
	if err != nil {
		return nil, err
	}
	a := r.c.a
	if p.manifest, err = a.stored(nameManifest); err != nil {
		return nil, err
	}
	if p.bundles, err = a.attestations(); err != nil {
		return nil, err
	}
	for i, raw := range beside {
		b, err := parseBundle(raw)
		if err != nil {
			return nil, refuse(ErrBundle, "", fmt.Sprintf("bundle %d of those beside the archive: %v", i+1, err))
		}
		if err := about(b.payload, p.manifest); err != nil {
			return nil, err
		}
		p.bundles = append(p.bundles, raw)
	}
	if len(p.bundles) > a.lim.Attestations {
		return nil, refuse(ErrLimit, "", fmt.Sprintf("%d signatures, at most %d", len(p.bundles), a.lim.Attestations))
	}
	return p.marshal(), nil
}

// prove fills in what is about the i-th record of s.
func (r *Reader) prove(p *proof, s *shardTable, raw *rawShard, i int) error {
	p.kind, p.record = s.Kind, bytes.Clone(raw.record(i))
	p.position, p.count, p.ordinal = uint64(i), s.Count, s.Ordinal
	var h *tree.Hasher
	leaves := make([]tree.Hash, 0, s.Count)
	err := walkShard(raw.raw, func(b []byte) error {
		hd := &pb.ShardHeader{}
		if err := proto.Unmarshal(b, hd); err != nil {
			return errors.New("header is no ShardHeader")
		}
		h = tree.NewHasher(s.Kind, hd.Salt)
		return nil
	}, func(n int, rec []byte) error {
		leaves = append(leaves, h.Record(uint64(n), rec))
		return nil
	})
	if err != nil {
		return payload(err, s.Member)
	}
	p.nonce, p.path = h.Nonce(p.position), tree.Proof(leaves, p.position)
	var given []byte
	for _, root := range r.c.roots {
		if root != nil {
			given = root.ShardLeaves
		}
	}
	n := r.c.a.man.Records.Shards
	leaves = make([]tree.Hash, n)
	for i := range n {
		if leaves[i], err = r.c.leaf(i, given); err != nil {
			return err
		}
	}
	p.shards = tree.Proof(leaves, s.Ordinal-1)
	return nil
}

// marshal is the only spelling of p.
func (p *proof) marshal() []byte {
	e := base64.StdEncoding
	hashes := func(hs []tree.Hash) string {
		var out []string
		for _, h := range hs {
			out = append(out, strconv.Quote(hex.EncodeToString(h[:])))
		}
		return strings.Join(out, ",")
	}
	var bundles []string
	for _, b := range p.bundles {
		bundles = append(bundles, strconv.Quote(e.EncodeToString(b)))
	}
	return fmt.Appendf(nil, `{"format":%q,"kind":%q,"record":"%s","nonce":"%x","position":%d,"count":%d,"path":[%s],"ordinal":%d,"shards":[%s],"manifest":"%s","bundles":[%s]}`+"\n",
		proofFormat, p.kind, e.EncodeToString(p.record), p.nonce, p.position, p.count, hashes(p.path), p.ordinal, hashes(p.shards),
		e.EncodeToString(p.manifest), strings.Join(bundles, ","))
}

// parseProof takes a proof apart, makes it again and compares. What it holds is not checked.
func parseProof(raw []byte, lim *Limits) (*proof, error) {
	o, err := parseJSON(raw)
	if err != nil {
		return nil, err
	}
	o.constant("format", proofFormat)
	p := &proof{kind: o.text("kind")}
	if !isKind(p.kind) || p.kind == "mark" {
		o.fail("kind", "not a kind")
	}
	p.record = o.bytes("record", lim.Record)
	nonce := o.hex("nonce", 64)
	p.position, p.count = o.number("position"), o.number("count")
	p.path, p.ordinal = o.hashes("path"), o.number("ordinal")
	p.shards = o.hashes("shards")
	p.manifest = o.bytes("manifest", maxManifest)
	bundles := o.list("bundles")
	if len(bundles) > lim.Attestations {
		o.fail("bundles", fmt.Sprintf("%d, at most %d", len(bundles), lim.Attestations))
		bundles = nil
	}
	for i, v := range bundles {
		in := &object{m: map[string]any{"": v}, path: fmt.Sprintf("bundles[%d]", i), err: o.err}
		p.bundles = append(p.bundles, in.bytes("", maxAttestation))
	}
	o.end()
	if *o.err != nil {
		return nil, *o.err
	}
	hex.Decode(p.nonce[:], []byte(nonce)) // checked by hex
	if !bytes.Equal(p.marshal(), raw) {
		return nil, errors.New("not spelled as the format spells it")
	}
	return p, nil
}

// bytes takes base64 of at most max bytes.
func (o *object) bytes(key string, max int64) []byte {
	s, ok := o.take(key).(string)
	if !ok {
		o.fail(key, "not a string")
	}
	if n := int64(len(s)) / 4 * 3; n > max+2 {
		o.fail(key, fmt.Sprintf("%d bytes, at most %d", n, max))
		return nil
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || int64(len(b)) > max {
		o.fail(key, fmt.Sprintf("not base64 of at most %d bytes", max))
		return nil
	}
	return b
}

// hashes takes an inclusion proof.
func (o *object) hashes(key string) []tree.Hash {
	l := o.list(key)
	if len(l) > 64 {
		o.fail(key, fmt.Sprintf("%d hashes, at most 64", len(l)))
		return nil
	}
	var out []tree.Hash
	for i, v := range l {
		s, _ := v.(string)
		if !isHex(s, 64) {
			o.fail(key, fmt.Sprintf("hash %d is not 64 lower-case hexadecimal digits", i))
			return nil
		}
		var h tree.Hash
		hex.Decode(h[:], []byte(s)) // checked by isHex
		out = append(out, h)
	}
	return out
}
