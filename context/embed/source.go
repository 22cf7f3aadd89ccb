package embed

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Source is a state whose vectors are all made anew: each Embedding of the state keeps its key and
// what it is of, and gets the vector of its text. A state that has no vector at all, as services give
// none, gets one for the text of each memory. What else there is passes as it is.
//
// A text that the embedder refuses, or that is not there any more, has no vector: its Embedding
// passes empty, and Became says why. The old one is never passed on. Source is a replay.Reembedder; it is
// read by one goroutine at a time.
type Source struct {
	src   agentstate.Source
	res   agentstate.Resolver
	e     Embedder // nil: only vectors that are kept
	keep  *Vectors
	plan  bool
	made  map[string]fate // of keys that were read last
	order []string        // of these, the oldest first
	known known           // what e is held against
	// Stats are of what was read so far.
	Stats Stats
}

// Stats count texts and vectors.
type Stats struct {
	Texts   uint64           // that have, or would have, a vector
	Bytes   uint64           // of those texts
	Asked   uint64           // texts that the embedder was, or would be, asked for
	AskedB  uint64           // bytes of those
	Dropped uint64           // texts that were refused, or are not there
	Before  map[Model]uint64 // vectors of the state as it was, by what they were made with
}

// Tokens is an estimate of what the embedder counts, or will count: four bytes a token.
func (s *Stats) Tokens() uint64 { return (s.AskedB + 3) / 4 }

type fate struct {
	dropped string
	losses  []fidelity.Loss
}

// Batches are of this size: services take more, but an error costs all of a batch.
const (
	batchTexts = 64
	batchBytes = 256 << 10
	// remembered is for how many vectors Became has an answer: more than replay has in flight.
	remembered = 4096
)

// NewSource reads src, which needs access by key. Vectors come out of keep, and what is not there is
// asked of e, and kept; with a nil e it is dropped. The Source is to be read before keep is closed.
func NewSource(src agentstate.Source, e Embedder, keep *Vectors) (*Source, error) {
	if _, ok := agentstate.As[agentstate.Getter](src); !ok {
		return nil, fmt.Errorf("embed: %w: the state has no access by key, so the text of a vector cannot be found", agentstate.ErrUnsupported)
	}
	return &Source{src: src, res: agentstate.ResolverOf(src), e: e, keep: keep, made: map[string]fate{}}, nil
}

// Unwrap gives the state as it was.
func (s *Source) Unwrap() agentstate.Source { return s.src }

// Vectors is what all vectors are made with.
func (s *Source) Vectors() replay.Vectors {
	m := s.keep.Model()
	return replay.Vectors{Model: m.Name, Dimensions: uint32(m.Dimensions)}
}

// Planned is the same state for a plan: it asks for nothing. Its Stats say what Records would ask.
func (s *Source) Planned() agentstate.Source { return s.ForPlan() }

// ForPlan is Planned, with its type.
func (s *Source) ForPlan() *Source {
	if s.plan {
		return s
	}
	return &Source{src: s.src, res: s.res, e: s.e, keep: s.keep, plan: true, made: map[string]fate{}}
}

// Became says what became of the record under key.
func (s *Source) Became(key string) (string, []fidelity.Loss) {
	f := s.made[key]
	return f.dropped, f.losses
}

func (s *Source) remember(key string, f fate) {
	if _, ok := s.made[key]; !ok {
		if len(s.order) >= remembered {
			delete(s.made, s.order[0])
			s.order = s.order[1:]
		}
		s.order = append(s.order, key)
	}
	s.made[key] = f
}

// Get is the record under key, a vector as Records gives it. A vector that was not made is ErrNotFound.
func (s *Source) Get(ctx context.Context, key string) (agentstate.Record, error) {
	r, err := s.res.Get(ctx, key)
	if agentstate.KindOfKey(key) != "embedding" {
		return r, err
	}
	old, _ := r.(*pb.Embedding)
	if errors.Is(err, agentstate.ErrNotFound) {
		old, err = madeFor(key), nil
	}
	if err != nil || old == nil {
		return nil, errors.Join(err, agentstate.ErrNotFound)
	}
	text, why, err := s.textFor(ctx, old)
	if err != nil || why != "" {
		return nil, errors.Join(err, agentstate.ErrNotFound)
	}
	v, err := s.keep.Get(text)
	if err != nil || v == nil {
		return nil, errors.Join(err, agentstate.ErrNotFound)
	}
	s.renew(old, v)
	return old, nil
}

// textFor is the text whose vector e is; why: there is none.
func (s *Source) textFor(ctx context.Context, e *pb.Embedding) (text, why string, err error) {
	// JavaScript's LangGraph keeps the text that it embedded beside the vector: that is the text.
	for _, n := range e.GetMeta().GetNative() {
		for _, c := range n.GetRow().GetColumns() {
			if c.Name == "text_content" {
				if v, err := s.res.Column(ctx, e, c); err == nil {
					if t, ok := v.(string); ok && t != "" {
						return t, "", nil
					}
				}
			}
		}
	}
	r, err := s.res.Get(ctx, e.OfKey)
	if errors.Is(err, agentstate.ErrNotFound) {
		return "", "its text was deleted", nil
	}
	if err != nil {
		return "", "", err
	}
	text, ok, err := textOf(ctx, &s.res, r, e.Field)
	if err == nil && !ok {
		why = "what it is of has no text"
	}
	return text, why, err
}

// Records reads src, and makes vectors in batches.
func (s *Source) Records(ctx context.Context, opts *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		s.Stats = Stats{Before: map[Model]uint64{}}
		wants := func(kind string) bool { return opts == nil || opts.Kinds == nil || slices.Contains(opts.Kinds, kind) }
		bare := false
		if wants("embedding") && wants("memory") {
			var err error
			if bare, err = s.bare(ctx); err != nil {
				yield(nil, err)
				return
			}
		}
		w := &walk{s: s, ctx: ctx, yield: yield}
		for r, err := range s.src.Records(ctx, opts) {
			if err != nil {
				if w.flush() {
					yield(nil, err)
				}
				return
			}
			if !w.take(r, wants("embedding"), bare) {
				return
			}
		}
		w.flush()
	}
}

// bare tells whether the state has no vector at all.
func (s *Source) bare(ctx context.Context) (bool, error) {
	for r, err := range s.src.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"embedding"}}) {
		if err != nil {
			return false, err
		}
		if _, ok := r.(*pb.Embedding); ok {
			return false, nil
		}
	}
	return true, nil
}

// make finds or makes the vectors of texts.
func (s *Source) make(ctx context.Context, q []one) ([]Answer, error) {
	out := make([]Answer, len(q))
	var ask []string
	var at []int
	for i, o := range q {
		if o.why != "" {
			out[i].Why = o.why
			continue
		}
		s.Stats.Texts++
		s.Stats.Bytes += uint64(len(o.text))
		v, err := s.keep.Get(o.text)
		if err != nil {
			return nil, err
		}
		switch {
		case v != nil:
			out[i].Vector = v
			s.known.text, s.known.vector = o.text, v
		case s.e == nil && !s.plan:
			out[i].Why = "its vector was not made"
		case s.plan:
			out[i].Vector = make([]float32, s.keep.Model().Dimensions)
			s.Stats.Asked++
			s.Stats.AskedB += uint64(len(o.text))
		default:
			ask, at = append(ask, o.text), append(at, i)
		}
	}
	if len(ask) == 0 {
		return out, nil
	}
	if !s.known.met { // what is known yet is of an earlier run
		if err := s.same(ctx); err != nil {
			return nil, err
		}
	}
	got, err := s.e.Embed(ctx, ask)
	if err != nil {
		return nil, err
	}
	if len(got) != len(ask) {
		return nil, fmt.Errorf("%w: %d answers for %d texts", ErrEmbedder, len(got), len(ask))
	}
	for i, a := range got {
		s.Stats.Asked++
		s.Stats.AskedB += uint64(len(ask[i]))
		if a.Vector == nil && a.Why == "" {
			return nil, fmt.Errorf("%w: an answer with neither vector nor reason", ErrEmbedder)
		}
		if a.Vector != nil {
			if why := unfit(a.Vector, s.keep.Model().Dimensions); why != "" {
				return nil, fmt.Errorf("%w: %s", ErrEmbedder, why)
			}
			if err := s.keep.Put(ask[i], a.Vector); err != nil {
				return nil, err
			}
			s.known = known{ask[i], a.Vector, true}
		}
		out[at[i]] = a
	}
	if s.keep.Len() == 0 && s.Stats.Asked >= batchTexts/4 { // a wrong model name looks like that
		return nil, fmt.Errorf("%w: it refuses every text: %s", ErrEmbedder, got[0].Why)
	}
	if got[len(got)-1].Vector == nil { // the text may be at fault, or the service may refuse all of them by now
		if err := s.same(ctx); err != nil {
			return nil, err
		}
	}
	return out, s.keep.Sync()
}

// become is the Embedding with its answer.
func (s *Source) become(o one, a Answer) agentstate.Record {
	e, key := o.e, o.e.GetMeta().GetKey()
	if a.Why != "" {
		s.Stats.Dropped++
		s.remember(key, fate{dropped: a.Why})
		e.Vector, e.Dimensions, e.Model, e.Element = nil, 0, "", 0
		e.Meta.Native = nil
		return e
	}
	dims, element := e.Dimensions, e.Element
	s.renew(e, a.Vector)
	f := fate{losses: []fidelity.Loss{s.Vectors().Anew("model")}}
	if o.old {
		f.losses = append(f.losses, s.Vectors().Anew("vector"))
		for _, c := range []struct {
			path string
			same bool
		}{{"dimensions", dims == e.Dimensions}, {"element", element == e.Element}} {
			if !c.same {
				f.losses = append(f.losses, s.Vectors().Anew(c.path))
			}
		}
	}
	s.remember(key, f)
	return e
}

// renew gives e a vector. Its native row stays where it cites the vector; where the row holds it by
// itself, the row is of the old one.
func (s *Source) renew(e *pb.Embedding, v []float32) {
	m := s.keep.Model()
	e.Model, e.Dimensions, e.Element, e.Vector = m.Name, uint32(m.Dimensions), pb.Embedding_ELEMENT_FLOAT32, littleEndian(v)
	for _, n := range e.GetMeta().GetNative() {
		cites := slices.ContainsFunc(n.GetRow().GetColumns(), func(c *pb.Column) bool { return c.GetAt() == "#vector" })
		if !cites {
			e.Meta.Native = nil
		}
	}
}

// fields of a memory that get a vector where it has none: its text, or else all of its document.
var fields = [...]string{"text", "$"}

// newFor is the Embedding of a memory that has none. Its key says which memory it is of.
func newFor(memory, field string, subjects []string) *pb.Embedding {
	return &pb.Embedding{
		Meta:  &pb.Meta{Key: agentstate.Key("embedding", memory, field), SubjectKeys: slices.Clone(subjects), Derivation: pb.Derivation_DERIVATION_SYSTEM},
		OfKey: memory, Field: field,
	}
}

// madeFor is newFor by its key; nil: the key is none that newFor makes.
func madeFor(key string) *pb.Embedding {
	_, parts := agentstate.SplitKey(key)
	if len(parts) != 2 || !slices.Contains(fields[:], parts[1]) || agentstate.KindOfKey(parts[0]) != "memory" {
		return nil
	}
	return newFor(parts[0], parts[1], nil)
}
