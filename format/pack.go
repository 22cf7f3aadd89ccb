package format

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"strconv"

	"github.com/exitramp/exitramp/format/internal/frame"
	"github.com/exitramp/exitramp/format/internal/seal"
	"github.com/exitramp/exitramp/format/internal/tree"
)

// packer turns a job's raw bytes into those of a member: hash, compress, seal, sum. One worker
// has one, so that its buffers are used again.
type packer struct {
	w      *Writer
	enc    frame.Encoder
	planes frame.PlaneEncoder
	tree   tree.Tree
	tmp    []byte
}

// maxKept is the size above which a packer does not keep its buffer for the next member.
const maxKept = 4 << 20

func newPacker(w *Writer) *packer { return &packer{w: w} }

func (p *packer) pack(j *job) error {
	if j.typ == jobRecords {
		if err := p.records(j); err != nil {
			return err
		}
	}
	key := p.w.keyOf(j.comp)
	dst := j.out
	if key != nil {
		dst = p.tmp[:0]
	}
	dst, err := p.compress(dst, j)
	if err != nil {
		return err
	}
	if key == nil {
		j.out = dst
	} else {
		if p.tmp = dst; cap(dst) > maxKept {
			p.tmp = nil
		}
		if j.out, err = key.Seal(j.out[:0], dst); err != nil {
			return fmt.Errorf("format: %s: %v", j.name, err)
		}
	}
	if int64(len(j.out)) > p.w.lim.Stored || int64(len(j.raw)) > p.w.lim.Raw {
		return fmt.Errorf("format: %s: %w: %d bytes raw, %d stored", j.name, ErrLimit, len(j.raw), len(j.out))
	}
	j.crc, j.sum = crc32.ChecksumIEEE(j.out), sha256.Sum256(j.out)
	return nil
}

func (p *packer) compress(dst []byte, j *job) ([]byte, error) {
	if j.typ == jobVectors {
		return p.planes.Encode(dst, j.raw)
	}
	return p.enc.Compress(dst, j.raw, p.w.opts.Small), nil
}

// records hashes the records of a shard.
func (p *packer) records(j *job) error {
	h := tree.NewHasher(j.kind, j.salt[:])
	p.tree.Reset()
	err := walkShard(j.raw, func([]byte) error { return nil }, func(i int, rec []byte) error {
		p.tree.Append(h.Record(uint64(i), rec))
		return nil
	})
	if err != nil {
		return err
	}
	j.root = p.tree.Root()
	return nil
}

// checkBlob refuses a record's blob that is not stored in its compartment.
func (w *Writer) checkBlob(comp int, b blobRef) error {
	n, ok := blobNumber(string(b.id))
	if !ok || n > uint64(len(w.blobs)) {
		return fmt.Errorf("blob %q is not in the archive: PutBlob comes first", b.id)
	}
	switch s := w.blobs[n-1]; {
	case s.comp != comp:
		return fmt.Errorf("blob %s is in compartment %d, its record in %d: use PutBlobOf", b.id, s.comp, comp)
	case s.size != b.size || !bytes.Equal(s.sum[:], b.sum):
		return fmt.Errorf("blob %s has other size or digest than was put", b.id)
	}
	return nil
}

// blobNumber is the inverse of blobID.
func blobNumber(id string) (uint64, bool) {
	if len(id) < len("data/b/") {
		return 0, false
	}
	n, err := strconv.ParseUint(id[len("data/b/"):], 10, 32)
	return n, err == nil && n > 0 && blobID(n) == id
}

// keyOf is the key that seals compartment n; nil where nothing is encrypted.
func (w *Writer) keyOf(n int) *seal.Key {
	if !w.encrypted() {
		return nil
	}
	return w.comps[n].key
}
