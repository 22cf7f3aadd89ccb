package fidelity_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func embedding(id string, element pb.Embedding_Element, numbers []byte) *pb.Embedding {
	return &pb.Embedding{Meta: meta("embedding", id), OfKey: "memory/" + id, Element: element, Vector: numbers}
}

func wide(fs ...float64) (b []byte) {
	for _, f := range fs {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	return b
}

func single(fs ...float32) (b []byte) {
	for _, f := range fs {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

func short(hs ...uint16) (b []byte) {
	for _, h := range hs {
		b = binary.LittleEndian.AppendUint16(b, h)
	}
	return b
}

// TestAnnouncedVector: a vector that loses digits, as announced, is as announced. Another one is not, however the store
// keeps its numbers.
func TestAnnouncedVector(t *testing.T) {
	const f16, f32, f64, b16 = pb.Embedding_ELEMENT_FLOAT16, pb.Embedding_ELEMENT_FLOAT32, pb.Embedding_ELEMENT_FLOAT64, pb.Embedding_ELEMENT_BFLOAT16
	nan, inf := math.NaN(), math.Inf(-1)
	for name, c := range map[string]struct {
		of, as        pb.Embedding_Element
		want, got     []byte
		fine, dropped bool
		anew          bool
	}{
		"32 bits of 64":                {of: f64, as: f32, want: wide(0.1, -2e-9, nan, inf), got: single(0.1, -2e-9, float32(nan), float32(inf)), fine: true},
		"16 bits of 32":                {of: f32, as: f16, want: single(0.1, -0.3, 3e-8, 65500), got: short(0x2e66, 0xb4cd, 1, 0x7bff), fine: true},
		"32 bits of 16":                {of: f16, as: f32, want: short(0x2e66, 0x7c00), got: single(0.09997559, float32(math.Inf(1))), fine: true},
		"halves that are shown wider":  {of: f64, as: f32, want: wide(0.1), got: single(0.09997559), fine: true},
		"bfloat16":                     {of: f32, as: b16, want: single(0.1, -3), got: short(0x3dcd, 0xc040), fine: true},
		"another vector":               {of: f64, as: f32, want: wide(0.1, 0.2), got: single(0.2, 0.1)},
		"a number of it":               {of: f64, as: f32, want: wide(0.1, 0.2, 0.3), got: single(0.1, 0.21, 0.3)},
		"another sign":                 {of: f64, as: f32, want: wide(0.1), got: single(-0.1)},
		"a number that is none":        {of: f64, as: f32, want: wide(0.1), got: single(float32(nan))},
		"one number less":              {of: f64, as: f32, want: wide(0.1, 0.2), got: single(0.1)},
		"another in halves":            {of: f32, as: f16, want: single(0.1), got: short(0x2e76)},
		"no vector":                    {of: f64, as: 0, want: wide(0.1)},
		"no vector, as announced":      {of: f64, as: 0, want: wide(0.1), dropped: true, fine: true},
		"one where none was announced": {of: f64, as: f32, want: wide(0.1), got: single(0.7), dropped: true},
		"the runtime's own bytes":      {of: 0, as: f32, want: []byte("??"), got: single(0.1), fine: true},
		"made anew":                    {of: f64, as: f32, want: wide(0.1), got: single(0.7), anew: true, fine: true},
		"infinite the other way":       {of: f64, as: f32, want: wide(inf), got: single(float32(math.Inf(1)))},
		"a number for an infinite one": {of: f64, as: f32, want: wide(inf), got: single(0.7)},
		"other bits":                   {of: pb.Embedding_ELEMENT_BIT, as: pb.Embedding_ELEMENT_BIT, want: []byte{1}, got: []byte{2}},
		"bytes of numbers":             {of: f32, as: pb.Embedding_ELEMENT_INT8, want: single(0.1), got: []byte{12}, fine: true},
	} {
		o := &fidelity.Options{Anew: c.anew, Announced: func(key, path string) (fidelity.Grade, string, bool) {
			g := fidelity.Transformed
			if c.dropped {
				g = fidelity.Dropped
			}
			return g, "kept as it can be", path == "vector" || path == "element"
		}}
		// The first record of a kind is compared in another way than those after it.
		first := embedding("0", f32, single(1))
		want := memstate.New(embedding("1", c.of, c.want), first, embedding("2", c.of, c.want))
		rep := compare(t, want, memstate.New(embedding("1", c.as, c.got), first, embedding("2", c.as, c.got)), o)
		k, said := rep.Kinds["embedding"], uint64(2)
		if !c.fine {
			said = 0
		}
		open := 2 - said
		if c.got == nil && !c.fine { // what its numbers are is gone with them
			open = 4
		}
		if k.Same != 1 || k.Announced != said || rep.UnannouncedN != open {
			t.Errorf("%s: %+v, %d unannounced: %v", name, k, rep.UnannouncedN, rep.Unannounced)
		}
		sum := uint64(0)
		for _, n := range rep.Grades {
			sum += n
		}
		if sum != rep.Fields {
			t.Errorf("%s: %d fields, grades of %d", name, rep.Fields, sum)
		}
	}
}

// TestAnnouncedVectors: more of them than are read by key.
func TestAnnouncedVectors(t *testing.T) {
	var want, got []agentstate.Record
	for i := range 1200 {
		id := string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		want = append(want, embedding(id, pb.Embedding_ELEMENT_FLOAT64, wide(float64(i)+0.1)))
		got = append(got, embedding(id, pb.Embedding_ELEMENT_FLOAT32, single(7.1)))
	}
	rep := compare(t, memstate.New(want...), memstate.New(got...), &fidelity.Options{Announced: func(_, path string) (fidelity.Grade, string, bool) {
		return fidelity.Transformed, "kept as numbers of 32 bits", path != "of_key"
	}})
	if k := rep.Kinds["embedding"]; k.Announced != 1 || rep.UnannouncedN != 1199 { // one of them is that vector
		t.Errorf("%+v, %d", k, rep.UnannouncedN)
	}
}
