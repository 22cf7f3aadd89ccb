package format

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// blobState is a blob that was put.
type blobState struct {
	comp   int
	size   uint64
	sum    [32]byte
	chunks uint64
}

// PutBlob stores what r holds and sets b.Id, b.Sha256 and b.Size. The record that holds b is
// put after it. Where the archive has compartments, use PutBlobOf: a blob has to lie in the
// compartment of its record.
func (w *Writer) PutBlob(ctx context.Context, b *pb.Blob, r io.Reader) error {
	if len(w.comps) > 1 {
		return fmt.Errorf("%w: an archive with compartments has to know whose blob it is: PutBlobOf", ErrOptions)
	}
	return w.putBlob(ctx, 0, b, r)
}

// PutBlobOf is PutBlob for a blob of the record of, which picks the compartment.
func (w *Writer) PutBlobOf(ctx context.Context, of agentstate.Record, b *pb.Blob, r io.Reader) error {
	return w.putBlob(ctx, w.compartmentOf(of), b, r)
}

func (w *Writer) putBlob(ctx context.Context, comp int, b *pb.Blob, r io.Reader) error {
	if err := w.ready(ctx); err != nil {
		return err
	}
	w.next.Blob++
	n := w.next.Blob
	st := blobState{comp: comp}
	h := sha256.New()
	for last := false; !last; {
		j := w.pipe.get(w.pipe.freeBlob)
		if cap(j.raw) < chunkSize {
			j.raw = make([]byte, chunkSize)
		}
		got, err := io.ReadFull(r, j.raw[:chunkSize])
		last = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err == nil || last {
			err = errors.Join(ctx.Err(), w.pipe.failed())
		}
		if err != nil || got == 0 && st.chunks > 0 {
			j.raw, j.out = nil, nil
			j.home <- j
			if err != nil {
				return w.stop(fmt.Errorf("format: blob broken off after %d bytes: the archive cannot be sealed any more: %w", st.size, err))
			}
			break
		}
		j.raw = j.raw[:got]
		h.Write(j.raw)
		st.size += uint64(got)
		st.chunks++
		j.typ, j.comp, j.name, j.last = jobBlob, comp, chunkName(n, st.chunks, w.encrypted()), last
		w.submit(j)
		if err := w.trim(); err != nil {
			return err
		}
	}
	h.Sum(st.sum[:0])
	w.blobs = append(w.blobs, st)
	b.Id, b.Sha256, b.Size = blobID(n), append([]byte(nil), st.sum[:]...), st.size
	return nil
}
