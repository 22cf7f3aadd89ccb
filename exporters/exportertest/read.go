package exportertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// reading is a whole reading, cloned record by record, so that what a driver does to a record
// later is seen by the one rule that is about it.
type reading struct {
	recs  []agentstate.Record // without marks
	marks []marked
}

// marked is a Mark, and the number of records before it.
type marked struct {
	cursor []byte
	after  int
}

func (r *reading) statement() *pb.Completeness {
	for _, rec := range slices.Backward(r.recs) {
		if st, ok := rec.(*pb.Completeness); ok {
			return st
		}
	}
	return nil
}

func (r *reading) keys() []string {
	var out []string
	for _, rec := range r.recs {
		out = append(out, rec.GetMeta().GetKey())
	}
	return out
}

func (r *reading) tally() *agentstate.Tally {
	var t agentstate.Tally
	for _, rec := range r.recs {
		t.Add(rec)
	}
	return &t
}

// read reads all of src.
func read(ctx context.Context, src agentstate.Source, opts *agentstate.ReadOptions) (*reading, error) {
	r := &reading{}
	for rec, err := range src.Records(ctx, opts) {
		if err != nil {
			return r, fmt.Errorf("after %d records: %w", len(r.recs), err)
		}
		if rec == nil || !rec.ProtoReflect().IsValid() {
			return r, fmt.Errorf("record %d is nil", len(r.recs))
		}
		if m, ok := rec.(*pb.Mark); ok {
			r.marks = append(r.marks, marked{slices.Clone(m.Cursor), len(r.recs)})
			continue
		}
		r.recs = append(r.recs, proto.Clone(rec).(agentstate.Record))
	}
	if len(r.recs) == 0 {
		return r, errors.New("no record at all")
	}
	return r, nil
}

// whole opens the harness's state and reads all of it.
func whole(ctx context.Context, h Harness) (*reading, error) {
	var r *reading
	err := with(ctx, h, func(src agentstate.Source) (err error) {
		r, err = read(ctx, src, nil)
		return err
	})
	return r, err
}

// seen is a whole reading that was made already.
type seen struct {
	*reading
	err error
}

// once is a whole reading, the same one for all rules of a harness: what differs from one to the next is found by the
// rules that read twice. It is only looked at.
func once(ctx context.Context, h Harness) (*reading, error) {
	if h.seen == nil {
		return whole(ctx, h)
	}
	if h.seen.reading == nil {
		h.seen.reading, h.seen.err = whole(ctx, h)
	}
	return h.seen.reading, h.seen.err
}

// twice reads it two times.
func twice(ctx context.Context, h Harness) (a, b *reading, err error) {
	if a, err = whole(ctx, h); err != nil {
		return nil, nil, err
	}
	b, err = whole(ctx, h)
	return a, b, err
}

// with opens the harness's state, and closes it.
func with(ctx context.Context, h Harness, f func(agentstate.Source) error) error {
	src, err := h.Open(ctx)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	return errors.Join(f(src), shut(src))
}

func shut(v any) error {
	if c, ok := v.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// wire is r as bytes that can be compared; records that cannot be marshalled are one rule's business.
func wire(r agentstate.Record) []byte {
	b, _ := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(r)
	return b
}

// quiet is r without what differs from reading to reading: when it was.
func quiet(r agentstate.Record) agentstate.Record {
	if st, ok := r.(*pb.Completeness); ok {
		st = proto.Clone(st).(*pb.Completeness)
		st.FromUnixNano, st.ToUnixNano, st.Resumed = 0, 0, 0
		return st
	}
	return r
}

// first names the first place where two lists differ.
func first(a, b []string) string {
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return fmt.Sprintf("at %d: %q is there the second time only", i, b[i])
		case i >= len(b):
			return fmt.Sprintf("at %d: %q is there the first time only", i, a[i])
		case a[i] != b[i]:
			return fmt.Sprintf("at %d: %q, then %q", i, a[i], b[i])
		}
	}
	return ""
}
