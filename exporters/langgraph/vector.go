package langgraph

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// parseVector turns pgvector's text, "[1,2.5]", into little-endian numbers.
func parseVector(s string, e pb.Embedding_Element) ([]byte, uint32, error) {
	body, ok := strings.CutPrefix(s, "[")
	if ok {
		body, ok = strings.CutSuffix(body, "]")
	}
	if !ok {
		return nil, 0, errors.New("vector is not in brackets")
	}
	var out []byte
	var n uint32
	for f := range strings.SplitSeq(body, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(f), 32)
		if err != nil {
			return nil, 0, errors.New("vector holds something that is no number")
		}
		if e == pb.Embedding_ELEMENT_FLOAT16 {
			out = binary.LittleEndian.AppendUint16(out, halfOf(float32(v)))
		} else {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)))
		}
		n++
	}
	return out, n, nil
}

// formatVector prints little-endian numbers as pgvector does: each the shortest text that reads
// back as the same float32.
func formatVector(v []byte, e pb.Embedding_Element) string {
	b := []byte{'['}
	size := 4
	if e == pb.Embedding_ELEMENT_FLOAT16 {
		size = 2
	}
	for i := 0; i+size <= len(v); i += size {
		if i > 0 {
			b = append(b, ',')
		}
		f := float32(0)
		if size == 2 {
			f = halfTo(binary.LittleEndian.Uint16(v[i:]))
		} else {
			f = math.Float32frombits(binary.LittleEndian.Uint32(v[i:]))
		}
		b = strconv.AppendFloat(b, float64(f), 'g', -1, 32)
	}
	return string(append(b, ']'))
}

// halfTo widens an IEEE 754 binary16.
func halfTo(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10)&0x1f, uint32(h)&0x3ff
	switch {
	case exp == 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	case exp == 0:
		f := float32(frac) / (1 << 24)
		if sign != 0 {
			f = -f
		}
		return f
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// infinite is binary16's infinity.
const infinite = 0x7c00

// halfOf narrows f to binary16, to the nearest, ties to even.
func halfOf(f float32) uint16 {
	u := math.Float32bits(f)
	sign := uint16(u >> 16 & 0x8000)
	exp, frac := int(u>>23&0xff)-112, u&0x7fffff
	switch {
	case u&0x7fffffff > 0x7f800000:
		return sign | 0x7e00
	case exp >= 0x1f:
		return sign | 0x7c00
	case exp <= 0:
		if exp < -10 {
			return sign
		}
		frac |= 0x800000
		shift := uint(14 - exp)
		half := uint32(1) << (shift - 1)
		v := frac >> shift
		if rest := frac & (1<<shift - 1); rest > half || rest == half && v&1 == 1 {
			v++
		}
		return sign | uint16(v)
	}
	v := uint16(exp)<<10 | uint16(frac>>13)
	if rest := frac & 0x1fff; rest > 0x1000 || rest == 0x1000 && v&1 == 1 {
		v++ // may carry into the exponent, as it should
	}
	return sign | v
}
