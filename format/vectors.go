package format

import (
	"cmp"
	"maps"
	"slices"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// vectorTarget is the raw size at which a vector member is closed.
const vectorTarget = 1 << 20

type vectorKey struct {
	comp int
	size int // bytes of one vector
}

// openVectors is a vector member that still takes vectors, all of one length.
type openVectors struct {
	vectorKey
	ordinal uint64
	raw     []byte
	count   int
}

// appendEmbedding puts e into s and its vector into a vector member.
func (w *Writer) appendEmbedding(s *openShard, e *pb.Embedding, size int, check func([]byte) error) error {
	var err error
	w.scratch, err = appendRecord(w.scratch[:0], e, size)
	if err == nil {
		err = check(w.scratch)
	}
	if err != nil {
		return err
	}
	k := vectorKey{s.comp, len(e.Vector)}
	v, ok := w.vectors[k]
	if !ok {
		v = &openVectors{vectorKey: k}
	}
	ordinal := v.ordinal
	if ordinal == 0 {
		ordinal = w.next.Vector + 1
	}
	rest := len(w.scratch)
	w.scratch, ok = cutVector(w.scratch, w.scratch[:rest], e.Vector, ordinal, v.count)
	if !ok {
		s.appendBytes(w.scratch[:rest]) // not as std writes it: stay inline
		return nil
	}
	s.appendBytes(w.scratch[rest:])
	s.cut += len(e.Vector)
	if v.ordinal == 0 {
		w.next.Vector = ordinal
		v.ordinal = ordinal
		w.vectors[k] = v
	}
	v.raw = append(grow(v.raw, len(e.Vector)), e.Vector...)
	v.count++
	w.open += len(e.Vector)
	if len(v.raw)+k.size > vectorTarget {
		w.closeVectors(v)
	}
	return nil
}

func (w *Writer) closeVectors(v *openVectors) {
	if v.count == 0 {
		return
	}
	j := w.pipe.get(w.pipe.free)
	w.open -= len(v.raw)
	j.raw, v.raw = v.raw, j.raw[:0]
	j.typ, j.comp, j.ordinal, j.count = jobVectors, v.comp, v.ordinal, uint64(v.count)
	j.name = w.dataName(vectorsName(v.ordinal))
	v.ordinal, v.count = 0, 0
	if len(w.vectors) > 16 {
		delete(w.vectors, v.vectorKey)
	}
	w.submit(j)
}

func sortedShards(m map[shardKey]*openShard) []*openShard {
	return slices.SortedFunc(maps.Values(m), func(a, b *openShard) int { return cmp.Compare(a.ordinal, b.ordinal) })
}

func sortedVectors(m map[vectorKey]*openVectors) []*openVectors {
	return slices.SortedFunc(maps.Values(m), func(a, b *openVectors) int { return cmp.Compare(a.ordinal, b.ordinal) })
}
