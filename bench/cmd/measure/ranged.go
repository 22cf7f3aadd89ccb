package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/exitramp/exitramp/format"
)

// tailSize is the size of the first request: the end of the object, as one would ask object
// storage for it.
const tailSize = 1 << 20

// ranges serves ReadAt from an object store's point of view: the tail comes with one request,
// every other read is one more unless it lies in what came before.
type ranges struct {
	f        *os.File
	size     int64
	tail     []byte
	requests int
	last     []byte // of the last request beyond the tail
	lastAt   int64
	bytes    int64
}

func (r *ranges) ReadAt(p []byte, off int64) (int, error) {
	if r.tail == nil {
		r.tail = make([]byte, min(tailSize, r.size))
		if _, err := r.f.ReadAt(r.tail, r.size-int64(len(r.tail))); err != nil && err != io.EOF {
			return 0, err
		}
		r.requests, r.bytes = 1, int64(len(r.tail))
	}
	end := off + int64(len(p))
	if at := r.size - int64(len(r.tail)); off >= at && end <= r.size {
		return copy(p, r.tail[off-at:]), nil
	}
	if off >= r.lastAt && end <= r.lastAt+int64(len(r.last)) {
		return copy(p, r.last[off-r.lastAt:]), nil
	}
	n, err := r.f.ReadAt(p, off)
	r.last, r.lastAt = append(r.last[:0], p[:n]...), off
	r.requests++
	r.bytes += int64(n)
	return n, err
}

func ranged(ctx context.Context, in, key, identityFile string) error {
	o, err := readerOptions(identityFile)
	if err != nil {
		return err
	}
	f, err := os.Open(in)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	rr := &ranges{f: f, size: fi.Size()}
	r, err := format.NewReader(rr, fi.Size(), o)
	if err != nil {
		return err
	}
	opened := rr.requests
	rec, err := r.Get(ctx, key)
	if err != nil {
		return err
	}
	fmt.Printf(`{"what":"ranged","requests":%d,"open":%d,"fetched":%d,"key_bytes":%d}`+"\n", rr.requests, opened, rr.bytes, len(rec.GetMeta().GetKey()))
	return nil
}
