package embed

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// search is one query under way in one state.
type search struct {
	vec  []float32 // nil: not made
	self string    // is left out of the answers that are compared
	top  []hit     // best first
}

type hit struct {
	key   string
	score float64
}

// eachVector calls f for each vector of a memory in src.
func eachVector(ctx context.Context, src agentstate.Source, f func(*pb.Embedding, []float32) error) error {
	for r, err := range src.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"embedding"}}) {
		if err != nil {
			return err
		}
		e, ok := r.(*pb.Embedding)
		if !ok || agentstate.KindOfKey(e.OfKey) != "memory" {
			continue
		}
		if v := numbers(e); v != nil {
			if err := f(e, v); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// numbers are those of e; nil: their form is not understood, or they have no direction.
func numbers(e *pb.Embedding) []float32 {
	var out []float32
	switch e.Element {
	case pb.Embedding_ELEMENT_FLOAT32:
		for b := e.Vector; len(b) >= 4; b = b[4:] {
			out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(b)))
		}
	case pb.Embedding_ELEMENT_FLOAT64:
		for b := e.Vector; len(b) >= 8; b = b[8:] {
			out = append(out, float32(math.Float64frombits(binary.LittleEndian.Uint64(b))))
		}
	}
	if len(out) == 0 || unfit(out, int(e.Dimensions)) != "" {
		return nil
	}
	return out
}

// searchAll compares each vector of src with each query: exact, and in the memory of the answers.
func (m *measuring) searchAll(ctx context.Context, src agentstate.Source, qs []search) (Measure, error) {
	var out Measure
	dims := 0
	for _, q := range qs {
		if q.vec != nil {
			out.Searched, dims = out.Searched+1, len(q.vec)
		}
	}
	if out.Searched == 0 {
		return out, nil
	}
	lengths := make([]float64, len(qs))
	for i, q := range qs {
		lengths[i] = length(q.vec)
	}
	err := eachVector(ctx, src, func(e *pb.Embedding, v []float32) error {
		if len(v) != dims {
			return fmt.Errorf("%w: %s has %d numbers, the queries' vectors have %d", ErrMixed, e.GetMeta().GetKey(), len(v), dims)
		}
		if out.Vectors++; e.Model != "" {
			out.Model = e.Model
		}
		n := length(v)
		for i := range qs {
			if qs[i].vec != nil {
				qs[i].put(hit{e.OfKey, dot(qs[i].vec, v) / (n * lengths[i])}, m.k+1)
			}
		}
		return nil
	})
	return out, err
}

func dot(a, b []float32) float64 {
	var s float64
	for i, x := range a {
		s += float64(x) * float64(b[i])
	}
	return s
}

func length(v []float32) float64 { return math.Sqrt(dot(v, v)) }

// put keeps h where it is among the first n. A record with several vectors counts with its best.
func (s *search) put(h hit, n int) {
	better := func(a, b hit) bool { return a.score > b.score || a.score == b.score && a.key < b.key }
	if len(s.top) >= n && !better(h, s.top[len(s.top)-1]) {
		return
	}
	if at := slices.IndexFunc(s.top, func(o hit) bool { return o.key == h.key }); at >= 0 {
		if !better(h, s.top[at]) {
			return
		}
		s.top = slices.Delete(s.top, at, at+1)
	}
	at := 0
	for at < len(s.top) && better(s.top[at], h) {
		at++
	}
	if s.top = slices.Insert(s.top, at, h); len(s.top) > n {
		s.top = s.top[:n]
	}
}

// keys are the first k answers; others: without the record that was searched with.
func (s *search) keys(k int, others bool) []string {
	var out []string
	for _, h := range s.top {
		if len(out) < k && !(others && h.key == s.self) {
			out = append(out, h.key)
		}
	}
	return out
}
