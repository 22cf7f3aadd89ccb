package mem0

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// parseVector turns pgvector's text, "[1,2.5]", into little-endian numbers; nil: it is none.
func parseVector(s string) []byte {
	body, ok := strings.CutPrefix(s, "[")
	if ok {
		body, ok = strings.CutSuffix(body, "]")
	}
	if !ok {
		return nil
	}
	var out []byte
	for f := range strings.SplitSeq(body, ",") {
		v, err := strconv.ParseFloat(f, 32)
		if err != nil {
			return nil
		}
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)))
	}
	return out
}

// received are the numbers in what PostgreSQL sends of a vector: two short numbers, the first of which
// says how many follow, and big-endian float32s.
func received(b []byte) []byte {
	if len(b) < 4 || (len(b)-4)%4 != 0 {
		return nil
	}
	out := make([]byte, len(b)-4)
	for i := range len(out) / 4 {
		binary.LittleEndian.PutUint32(out[4*i:], binary.BigEndian.Uint32(b[4+4*i:]))
	}
	return out
}

// formatVector prints little-endian numbers as pgvector does: each the shortest text that reads
// back as the same float32.
func formatVector(v []byte) string {
	b := []byte{'['}
	for i := 0; i+4 <= len(v); i += 4 {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendFloat(b, float64(math.Float32frombits(binary.LittleEndian.Uint32(v[i:]))), 'g', -1, 32)
	}
	return string(append(b, ']'))
}

// pgName tells whether s can be the name of a collection in PostgreSQL.
func pgName(s string) bool { return s != "" && len(s) <= 63 && !strings.ContainsAny(s, "\x00") }

// numbers is a vector in one form, whatever its text looks like.
func numbers(v any) any {
	if s, ok := v.(string); ok {
		return parseVector(s)
	}
	return v
}

func (d *db) numbers(v any) any {
	if d.layout.Form == pgForm {
		return numbers(v)
	}
	return v
}

// halved is a vector as PostgreSQL's halfvec holds it; false: a number is out of its range. What is no vector stays.
func halved(s string) (string, bool) {
	v := parseVector(s)
	if v == nil {
		return s, true
	}
	for i := 0; i+4 <= len(v); i += 4 {
		f := float64(math.Float32frombits(binary.LittleEndian.Uint32(v[i:])))
		_, exp := math.Frexp(f)
		digits := 11 - max(exp, -13) // binary ones behind the point: below 2^-14 there are fewer in all
		f = math.Ldexp(math.RoundToEven(math.Ldexp(f, digits)), -digits)
		if !(math.Abs(f) <= 65504) {
			return "", false
		}
		binary.LittleEndian.PutUint32(v[i:], math.Float32bits(float32(f)))
	}
	return formatVector(v), true
}
