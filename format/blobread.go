package format

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// OpenBlob opens the bytes that b, of a record of this archive, stands for. Each chunk is
// checked before a byte of it is given out; io.EOF comes only when the digest of the whole is
// the one that the record has.
func (r *Reader) OpenBlob(ctx context.Context, b *pb.Blob) (io.ReadCloser, error) {
	n, ok := blobNumber(b.GetId())
	t := r.c.blobs[n]
	if !ok || t == nil {
		if len(r.c.closed) > 0 {
			return nil, noIdentity(r.c.closed[0])
		}
		return nil, refuse(ErrPayload, "", fmt.Sprintf("blob %q is not in the archive", b.GetId()))
	}
	if t.Size != b.GetSize() || !bytes.Equal(t.Sha256, b.GetSha256()) {
		return nil, mismatch(ErrPayload, b.GetId(), "blob", fmt.Sprintf("%d bytes %x", t.Size, t.Sha256), fmt.Sprintf("%d bytes %x", b.GetSize(), b.GetSha256()))
	}
	d, err := r.decoder()
	if err != nil {
		return nil, err
	}
	return &blobReader{ctx: ctx, r: r, d: d, t: t, h: sha256.New()}, nil
}

// blobReader gives a blob out, chunk by chunk.
type blobReader struct {
	ctx  context.Context
	r    *Reader
	d    *decoder
	t    *blobTable
	h    hash.Hash
	next uint64 // chunks read
	buf  []byte
	rest []byte // of buf, not given out yet
	err  error
}

// Read implements io.Reader.
func (b *blobReader) Read(p []byte) (int, error) {
	for len(b.rest) == 0 && b.err == nil {
		if b.d == nil {
			b.err = ErrClosed
		} else if b.err = b.ctx.Err(); b.err == nil {
			b.buf, b.err = b.d.chunk(b.buf[:0], b.t, b.next, b.h)
			b.rest = b.buf
			b.next++
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	if n > 0 {
		return n, nil
	}
	return 0, b.err
}

// Close ends the reading.
func (b *blobReader) Close() error {
	if b.d != nil {
		b.r.put(b.d)
		b.d, b.rest, b.err = nil, nil, ErrClosed
	}
	return nil
}

// chunk appends chunk i of t, counted from 0, to dst and adds it to h. Beyond the last one it is
// io.EOF, or the refusal of a digest that is not the blob's.
func (d *decoder) chunk(dst []byte, t *blobTable, i uint64, h hash.Hash) ([]byte, error) {
	if i == t.Chunks {
		if sum := h.Sum(nil); !bytes.Equal(sum, t.Sha256) {
			return nil, mismatch(ErrPayload, blobID(t.Number), "sha256 of the blob", hex.EncodeToString(t.Sha256), hex.EncodeToString(sum))
		}
		return nil, io.EOF
	}
	size := min(chunkSize, t.Size-i*chunkSize)
	b, err := d.content(dst, t.comp, chunkName(t.Number, i+1, d.c.a.man.encrypted()), int64(size))
	if err != nil {
		return nil, err
	}
	h.Write(b)
	return b, nil
}
