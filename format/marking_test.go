package format

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// marking is a source that can be resumed: a Mark behind every tenth record.
type marking struct {
	recs    []agentstate.Record
	content []byte        // of a blob that every hundredth record has
	pause   time.Duration // before each record
	stop    int           // fail after this many records; 0: never
	stale   bool          // answer ErrCursor once
}

var errStopped = errors.New("login ended")

func (s *marking) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		from := 1 // the Origin is put by the first run alone
		if len(opts.Cursor) > 0 {
			if s.stale {
				s.stale = false
				yield(nil, agentstate.ErrCursor)
				return
			}
			from, _ = strconv.Atoi(string(opts.Cursor))
		}
		if !yield(s.recs[0], nil) {
			return
		}
		for i := from; i < len(s.recs); i++ {
			time.Sleep(s.pause)
			if s.stop > 0 && i == s.stop {
				yield(nil, errStopped)
				return
			}
			if !yield(s.recs[i], nil) {
				return
			}
			if i%10 == 0 && !yield(&pb.Mark{Meta: &pb.Meta{Key: "mark"}, Cursor: []byte(strconv.Itoa(i + 1))}, nil) {
				return
			}
		}
	}
}

func (s *marking) OpenBlob(_ context.Context, b *pb.Blob) (io.ReadCloser, error) {
	if b.Id != "of the source" {
		return nil, fmt.Errorf("blob %q", b.Id)
	}
	return io.NopCloser(bytes.NewReader(s.content)), nil
}

// source is n memories, some with a blob, vectors and gaps beside them.
func source(n int) *marking {
	s := &marking{content: bytes.Repeat([]byte("blob-zq "), 20_000)}
	recs := state(n)
	st := recs[len(recs)-1].(*pb.Completeness)
	g := &filler{rand.New(rand.NewPCG(3, 3))}
	embeddings := uint64(0)
	for i, r := range recs[:len(recs)-1] {
		m, ok := r.(*pb.Memory)
		s.recs = append(s.recs, r)
		if ok && i%100 == 50 {
			b := &pb.Blob{Id: "of the source"}
			m.Meta.Native = append(m.Meta.Native, &pb.Native{Type: "file", Body: &pb.Native_Data{Data: &pb.Data{Body: &pb.Data_Blob{Blob: b}}}})
		}
		if ok && i%5 == 0 {
			embeddings++
			s.recs = append(s.recs, &pb.Embedding{Meta: agentstate.Meta("embedding", nil, "s", fmt.Sprint(i)), OfKey: m.Meta.Key,
				Element: pb.Embedding_ELEMENT_FLOAT32, Vector: g.vector(64)})
		}
	}
	s.recs = append(s.recs, &pb.Gap{Meta: agentstate.Meta("gap", nil, "memory", "p"), Kind: "memory", Count: 2, Place: "/hr/zq"})
	for _, k := range st.Kinds {
		switch k.Kind {
		case "embedding":
			k.Class, k.Enumerated, k.Exhausted, k.AccessBasis, k.Reference = pb.KindCompleteness_CLASS_ENUMERATED, embeddings, true, "whole file", &embeddings
		case "memory":
			k.Enumerated += 2
			*k.Reference += 2
		}
	}
	s.recs = append(s.recs, st)
	return s
}
