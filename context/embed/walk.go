package embed

import (
	"context"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// one is a vector that waits for its batch.
type one struct {
	e    *pb.Embedding
	text string
	why  string // dropped already
	old  bool   // it is of the state
}

// walk is one reading.
type walk struct {
	s     *Source
	ctx   context.Context
	yield func(agentstate.Record, error) bool
	queue []one
	bytes int
}

// take takes a record of the state; false: the reading is over.
func (w *walk) take(r agentstate.Record, wants, bare bool) bool {
	switch r := r.(type) {
	case *pb.Embedding:
		if !wants {
			return true // never the old one
		}
		w.s.Stats.Before[Model{r.Model, int(r.Dimensions)}]++
		text, why, err := w.s.textFor(w.ctx, r)
		return w.put(one{r, text, why, true}, err)
	case *pb.Memory:
		if !w.yield(r, nil) {
			return false
		}
		if !bare {
			return w.flush()
		}
		for _, field := range fields { // the first that has a text
			if text, ok, err := textOf(w.ctx, &w.s.res, r, field); err != nil || ok {
				return w.put(one{e: newFor(r.Meta.GetKey(), field, r.Meta.GetSubjectKeys()), text: text}, err)
			}
		}
		return true
	case *pb.MemorySpace:
		if r.EmbeddingModel != "" || r.EmbeddingDimensions != 0 {
			m := w.s.keep.Model()
			w.s.remember(r.Meta.GetKey(), fate{losses: []fidelity.Loss{w.s.Vectors().Anew("embedding_model"), w.s.Vectors().Anew("embedding_dimensions")}})
			r.EmbeddingModel, r.EmbeddingDimensions = m.Name, uint32(m.Dimensions)
		}
	}
	return w.flush() && w.yield(r, nil)
}

func (w *walk) put(o one, err error) bool {
	if err != nil {
		w.fail(err)
		return false
	}
	w.queue = append(w.queue, o)
	w.bytes += len(o.text)
	if len(w.queue) >= batchTexts || w.bytes >= batchBytes {
		return w.flush()
	}
	return true
}

func (w *walk) fail(err error) { w.yield(nil, err) }

// flush makes the vectors that wait, and passes them on in their order.
func (w *walk) flush() bool {
	if len(w.queue) == 0 {
		return true
	}
	made, err := w.s.make(w.ctx, w.queue)
	if err != nil {
		w.fail(err)
		return false
	}
	for i, o := range w.queue {
		if !w.yield(w.s.become(o, made[i]), nil) {
			return false
		}
	}
	clear(w.queue)
	w.queue, w.bytes = w.queue[:0], 0
	return true
}
