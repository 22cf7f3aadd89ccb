package mem0

import (
	"encoding/binary"
	"math"
	"math/big"
	"slices"
)

// values are what a list holds.
func (l *list) values() []any {
	for _, f := range l.numbers(nil) {
		l.items = append(l.items, f)
	}
	l.runs = nil
	return l.items
}

// numbers appends the numbers of a list's runs.
func (l *list) numbers(out []float64) []float64 {
	n := 0
	for _, r := range l.runs {
		n += len(r) / 9
	}
	out = slices.Grow(out, n)
	for _, r := range l.runs {
		for ; len(r) > 0; r = r[9:] {
			out = append(out, math.Float64frombits(binary.BigEndian.Uint64(r[1:])))
		}
	}
	return out
}

func (d *dict) set(k, v any) {
	if s, ok := k.(string); ok && len(d.keys) < 64 { // Python keeps the place of the first
		for i, x := range d.keys {
			if x == s {
				d.vals[i] = v
				return
			}
		}
	}
	d.keys, d.vals = append(d.keys, k), append(d.vals, v)
}

func (d *dict) get(name string) any {
	for i := len(d.keys) - 1; i >= 0; i-- {
		if d.keys[i] == name {
			return d.vals[i]
		}
	}
	return nil
}

// long is Python's form of whole numbers: little-endian, two's complement.
func long(b []byte) any {
	be := make([]byte, len(b))
	for i, c := range b {
		be[len(b)-1-i] = c
	}
	n := new(big.Int).SetBytes(be)
	if len(b) > 0 && b[len(b)-1]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}
