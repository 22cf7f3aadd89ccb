package agentstate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// CopyOptions are the options of Copy. The zero value copies everything.
type CopyOptions struct {
	Kinds []string // nil: all. Control records always pass; the rest is stated as excluded
	// Transform edits a record; a nil result leaves it out. Where it changed a mapped field
	// and left native as it was, native is dropped. Fields of a later release are dropped from
	// every record that it changed: they may say what it took out.
	Transform func(Record) (Record, error)
	OnRecord  func(Record) // after each record that was put; for progress
}

// Report is what Copy saw, a resumed run's earlier part included.
type Report struct {
	Tally
	Verdict Verdict
}

// Copy moves every record of src to dst and commits. On error, also when ctx is cancelled,
// nothing is committed, and the report says how far it got. Where dst is a Marker that holds a broken run, Copy goes on
// after it.
func Copy(ctx context.Context, dst Sink, src Source, opts *CopyOptions) (*Report, error) {
	if opts == nil {
		opts = &CopyOptions{}
	}
	c := &copier{dst: dst, src: src, opts: opts, rep: &Report{}}
	ro := &ReadOptions{Kinds: opts.Kinds}
	if m, ok := As[Marker](dst); ok {
		c.mark = m
		if ro.Cursor = m.Cursor(); ro.Cursor != nil {
			c.resumed = true
			if t := m.Tally(); t != nil {
				c.rep.Tally = *t
			}
		}
	}
	for r, err := range src.Records(ctx, ro) {
		if err != nil {
			return c.rep, &CopyError{FromSource, c.key, err}
		}
		if err := c.one(ctx, r); err != nil {
			return c.rep, err
		}
	}
	if err := ctx.Err(); err != nil { // a source that just stops must not look whole
		return c.rep, &CopyError{FromSource, c.key, err}
	}
	c.rep.Verdict = Judge(&c.rep.Tally, nil)
	if err := dst.Commit(ctx); err != nil {
		return c.rep, &CopyError{ToSink, c.key, err}
	}
	return c.rep, nil
}

type copier struct {
	dst     Sink
	src     Source
	mark    Marker // nil: dst cannot be resumed
	opts    *CopyOptions
	rep     *Report
	key     string
	resumed bool
	n       uint64 // records that came from src
}

func (c *copier) one(ctx context.Context, r Record) error {
	if r == nil || !r.ProtoReflect().IsValid() {
		return &CopyError{FromSource, c.key, errors.New("a record that is nil")}
	}
	c.n++
	switch r := r.(type) {
	case *pb.Mark:
		if c.mark == nil {
			return nil
		}
		if err := c.mark.Mark(ctx, r.Cursor); err != nil {
			return &CopyError{ToSink, c.key, err}
		}
		return nil
	case *pb.Origin:
		if c.resumed && c.n == 1 { // every stream starts with it, and the broken run put it
			return nil
		}
	case *pb.Completeness:
		c.exclude(r)
	}
	c.key = r.GetMeta().GetKey()
	if !c.wants(KindOf(r)) {
		return nil
	}
	if c.opts.Transform != nil && IsState(KindOf(r)) {
		var err error
		if r, err = transform(r, c.opts.Transform); err != nil {
			return &CopyError{FromSource, c.key, err}
		}
		if r == nil {
			return nil
		}
	}
	if err := c.blobs(ctx, r); err != nil {
		return err
	}
	if err := c.dst.Put(ctx, r); err != nil {
		return &CopyError{ToSink, c.key, err}
	}
	c.rep.Add(r)
	if c.opts.OnRecord != nil {
		c.opts.OnRecord(r)
	}
	return nil
}

func (c *copier) wants(kind string) bool {
	return c.opts.Kinds == nil || !IsState(kind) || slices.Contains(c.opts.Kinds, kind)
}

// exclude states what the filter left out, so that no statement promises more than arrives.
func (c *copier) exclude(st *pb.Completeness) {
	for _, k := range st.Kinds {
		if !c.wants(k.Kind) && k.Class != pb.KindCompleteness_CLASS_ABSENT {
			k.Class = pb.KindCompleteness_CLASS_EXCLUDED
		}
	}
}

func (c *copier) blobs(ctx context.Context, r Record) error {
	var err error
	Blobs(r, func(b *pb.Blob) {
		if err == nil {
			err = c.blob(ctx, r, b)
		}
	})
	return err
}

func (c *copier) blob(ctx context.Context, of Record, b *pb.Blob) error {
	bs, ok := As[BlobSource](c.src)
	if !ok {
		return &CopyError{FromSource, c.key, fmt.Errorf("%w: it names a blob and cannot open it", ErrUnsupported)}
	}
	bd, ok := As[BlobSink](c.dst)
	if !ok {
		return &CopyError{ToSink, c.key, fmt.Errorf("%w: it takes no blobs", ErrUnsupported)}
	}
	rc, err := bs.OpenBlob(ctx, b)
	if err != nil {
		return &CopyError{FromSource, c.key, err}
	}
	defer rc.Close()
	put := bd.PutBlob
	if rb, ok := As[RecordBlobSink](c.dst); ok {
		put = func(ctx context.Context, b *pb.Blob, r io.Reader) error { return rb.PutBlobOf(ctx, of, b, r) }
	}
	if err := put(ctx, b, rc); err != nil {
		return &CopyError{ToSink, c.key, err}
	}
	return nil
}
