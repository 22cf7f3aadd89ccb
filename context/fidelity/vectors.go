package fidelity

import (
	"encoding/binary"
	"math"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// vectorPath is the field of an Embedding that is compared by its numbers where a loss of it was announced: stores keep
// more or fewer digits of them, and whatever else is there is another vector.
const vectorPath = "vector"

// announcedVector tells whether a loss of the vector of the record under key was announced. One that was made anew is
// meant to be another.
func (c *comparer) announcedVector(key string) bool {
	if c.opts.Announced == nil || c.opts.Anew || agentstate.KindOfKey(key) != "embedding" {
		return false
	}
	g, _, ok := c.opts.Announced(key, vectorPath)
	return ok && g != Exact
}

// vectorOf is r, which is key in want, if it is an Embedding of whose vector a loss was announced; else nil.
func (c *comparer) vectorOf(key string, r agentstate.Record) *pb.Embedding {
	if v, ok := r.(*pb.Embedding); ok && c.announcedVector(key) {
		return v
	}
	return nil
}

// judgeVector grades the vector of p, at the path id, which is not there or has other bytes.
func (c *comparer) judgeVector(p *pending, id uint16, want, got *pb.Embedding) {
	gone := len(got.GetVector()) == 0
	said, _, _ := c.opts.Announced(p.want, vectorPath)
	switch {
	case gone && said == Dropped:
		c.grade(p, id, Dropped)
	case gone:
		c.rep.Fields++
		c.lost(p, id, Dropped, "", false)
	case near(want, got):
		c.grade(p, id, Transformed)
	default:
		c.rep.Fields++
		c.lost(p, id, Transformed, "", false)
	}
}

// near tells whether b has the numbers of a, to as many digits as the narrower form of the two has. Where one has none that
// we know, nobody can say; but whole numbers and bits lose nothing on their way into the same form.
func near(a, b *pb.Embedding) bool {
	x, digits := numbers(a)
	y, fewer := numbers(b)
	if x == nil || y == nil {
		e := a.GetElement()
		return e == pb.Embedding_ELEMENT_UNSPECIFIED || e != b.GetElement()
	}
	if len(x) != len(y) {
		return false
	}
	// A store may keep fewer digits than it shows: pgvector gives its halves with 32 bits.
	off := math.Ldexp(1, 1-min(digits, fewer, halfDigits))
	for i := range x {
		switch d := math.Abs(x[i] - y[i]); {
		case x[i] == y[i] || math.IsNaN(x[i]) && math.IsNaN(y[i]): // infinite ones too
		case math.IsInf(x[i], 0) || !(d <= off*math.Abs(x[i])+leastHalf):
			return false
		}
	}
	return true
}

// Of binary16: its digits, and the least number that it has.
const halfDigits, leastHalf = 11, 1.0 / (1 << 24)

// numbers are those of e, and how many binary digits they have; nil: the bytes are the runtime's own.
func numbers(e *pb.Embedding) (out []float64, digits int) {
	size, le := 0, binary.LittleEndian
	var one func(b []byte) float64
	switch e.GetElement() {
	case pb.Embedding_ELEMENT_FLOAT32:
		size, digits, one = 4, 24, func(b []byte) float64 { return float64(math.Float32frombits(le.Uint32(b))) }
	case pb.Embedding_ELEMENT_FLOAT64:
		size, digits, one = 8, 53, func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) }
	case pb.Embedding_ELEMENT_FLOAT16:
		size, digits, one = 2, halfDigits, func(b []byte) float64 { return half(le.Uint16(b)) }
	case pb.Embedding_ELEMENT_BFLOAT16:
		size, digits, one = 2, 8, func(b []byte) float64 { return float64(math.Float32frombits(uint32(le.Uint16(b)) << 16)) }
	default:
		return nil, 0
	}
	for b := e.GetVector(); len(b) >= size; b = b[size:] {
		out = append(out, one(b))
	}
	return out, digits
}

// half is the number that a binary16 is.
func half(h uint16) float64 {
	exp, frac := int(h>>10&31), float64(h&1023)
	switch {
	case exp == 31 && frac == 0:
		return math.Inf(1 - 2*int(h>>15))
	case exp == 31:
		return math.NaN()
	case exp > 0:
		exp, frac = exp-1, frac+1024
	}
	return math.Ldexp(frac*(1-2*float64(h>>15)), exp-24)
}
