package agentstate_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// source yields recs; fail, where set, comes after them. It goes on from a cursor that says how
// many were yielded.
type source struct {
	recs  []agentstate.Record
	fail  error
	blobs map[string]string
	reads []*agentstate.ReadOptions
}

func (s *source) Records(_ context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	s.reads = append(s.reads, opts)
	return func(yield func(agentstate.Record, error) bool) {
		from := 0
		if len(opts.Cursor) > 0 {
			from = int(opts.Cursor[0])
			if !yield(clone(s.recs[0]), nil) { // each stream starts with its origin
				return
			}
		}
		for i, r := range s.recs[from:] {
			if !yield(clone(r), nil) {
				return
			}
			if !yield(&pb.Mark{Meta: &pb.Meta{Key: "mark"}, Cursor: []byte{byte(from + i + 1)}}, nil) {
				return
			}
		}
		if s.fail != nil {
			yield(nil, s.fail)
		}
	}
}

func clone(r agentstate.Record) agentstate.Record {
	if r == nil {
		return nil
	}
	return proto.Clone(r).(agentstate.Record)
}

type blobSource struct{ *source }

func (s blobSource) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	v, ok := s.blobs[b.Id]
	if !ok {
		return nil, agentstate.ErrNotFound
	}
	return io.NopCloser(strings.NewReader(v)), nil
}

type sink struct {
	recs      []agentstate.Record
	committed bool
	failPut   string
	failEnd   error
}

func (s *sink) Put(_ context.Context, r agentstate.Record) error {
	if r.GetMeta().Key == s.failPut {
		return errFull
	}
	s.recs = append(s.recs, proto.Clone(r).(agentstate.Record))
	return nil
}

func (s *sink) Commit(context.Context) error {
	s.committed = s.failEnd == nil
	return s.failEnd
}

func (s *sink) keys() (out []string) {
	for _, r := range s.recs {
		out = append(out, r.GetMeta().Key)
	}
	return out
}

type blobSink struct {
	*sink
	blobs map[string]string
}

func (s *blobSink) PutBlob(_ context.Context, b *pb.Blob, r io.Reader) error {
	v, err := io.ReadAll(r)
	b.Id = fmt.Sprintf("data/b/%08d", len(s.blobs)+1)
	s.blobs[b.Id] = string(v)
	return err
}

type markSink struct {
	*sink
	cursor []byte
	tally  *agentstate.Tally
	marks  [][]byte
}

func (s *markSink) Mark(_ context.Context, c []byte) error {
	s.marks = append(s.marks, c)
	return nil
}
