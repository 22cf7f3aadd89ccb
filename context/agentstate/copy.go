package agentstate

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// CopyOptions are the options of Copy. The zero value copies everything.
type CopyOptions struct {
	Kinds []string // nil: all. Control records always pass; the rest is stated as excluded
	// Transform edits a record; a nil result leaves it out. Where it changed a mapped field
	// and left native as it was, native is dropped.
	Transform func(Record) (Record, error)
	OnRecord  func(Record) // after each record that was put; for progress
}

// Report is what Copy saw, a resumed run's earlier part included.
type Report struct {
	Tally
	Verdict Verdict
}

// Copy moves every record of src to dst and commits. On error nothing is committed, and the
// report says how far it got. Where dst is a Marker that holds a broken run, Copy goes on
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
}

func (c *copier) one(ctx context.Context, r Record) error {
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
		if c.resumed { // the broken run put it
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
			err = c.blob(ctx, b)
		}
	})
	return err
}

func (c *copier) blob(ctx context.Context, b *pb.Blob) error {
	bs, ok := As[BlobSource](c.src)
	if !ok {
		return &CopyError{FromSource, c.key, ErrUnsupported}
	}
	bd, ok := As[BlobSink](c.dst)
	if !ok {
		return &CopyError{ToSink, c.key, ErrUnsupported}
	}
	rc, err := bs.OpenBlob(ctx, b)
	if err != nil {
		return &CopyError{FromSource, c.key, err}
	}
	defer rc.Close()
	if err := bd.PutBlob(ctx, b, rc); err != nil {
		return &CopyError{ToSink, c.key, err}
	}
	return nil
}

// transform applies f and keeps native and mapped fields in step.
func transform(r Record, f func(Record) (Record, error)) (Record, error) {
	before := bare(r)
	out, err := f(r)
	if err != nil || out == nil {
		return nil, err
	}
	if len(out.GetMeta().GetNative()) > 0 && !proto.Equal(before, bare(out)) {
		out.GetMeta().Native = nil
		out.ProtoReflect().SetUnknown(nil) // what is not understood may say what was redacted
	}
	return out, nil
}

func bare(r Record) Record {
	c := proto.Clone(r).(Record)
	if m := c.GetMeta(); m != nil {
		m.Native = nil
	}
	return c
}
