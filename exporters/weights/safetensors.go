package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// A tensor is one entry of a header.
type tensor struct {
	Name  string   `json:"name"`
	DType string   `json:"dtype"` // the format's own word: "BF16", "Q4_K"
	Shape []uint64 `json:"shape"` // in the format's own order; empty: one number

	from, to uint64 // bytes of the data, from where it begins
}

// numbers is how many numbers it has; ok is false where that does not fit.
func (t *tensor) numbers() (n uint64, ok bool) {
	n = 1
	for _, d := range t.Shape {
		hi, lo := bits.Mul64(n, d)
		if hi != 0 {
			return 0, false
		}
		n = lo
	}
	return n, true
}

// A header is what a file of weights says of itself.
type header struct {
	Format   string         `json:"format"` // "safetensors", "gguf"
	Metadata map[string]any `json:"metadata,omitempty"`
	Tensors  []tensor       `json:"tensors"`
	Order    string         `json:"byte_order,omitempty"` // where it is not that of most machines

	size int64 // of the header in the file, bytes from its start
}

// Limits of a header. Real ones are some megabytes.
const (
	maxHeader  = 100_000_000 // as the safetensors library has it
	maxTensors = 1 << 20
	maxShape   = 64 // PyTorch's
	maxDims    = 8  // GGUF has four
)

// errHeader is of a header that is not what it claims to be.
var errHeader = errors.New("header")

func badHeader(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errHeader}, args...)...)
}

// bitsOf are the bits of a number by the dtypes of safetensors; others are of a later release.
func bitsOf(dtype string) uint64 {
	switch dtype {
	case "F4":
		return 4
	case "F6_E2M3", "F6_E3M2":
		return 6
	case "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ":
		return 8
	case "U16", "I16", "F16", "BF16":
		return 16
	case "U32", "I32", "F32":
		return 32
	case "U64", "I64", "F64", "C64":
		return 64
	}
	return 0
}

// readSafetensors reads the header of a file of size bytes: eight bytes of length, JSON, and the data,
// which the tensors cover without holes.
func readSafetensors(r io.Reader, size int64) (*header, error) {
	var n [8]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, badHeader("cut short")
	}
	length := binary.LittleEndian.Uint64(n[:])
	switch {
	case length > uint64(size) || length+8 > uint64(size):
		return nil, badHeader("it says that it is %d bytes long, the file has %d", length, size)
	case length > maxHeader:
		return nil, badHeader("%d bytes, at most %d", length, maxHeader)
	}
	raw := make([]byte, length)
	if _, err := io.ReadFull(r, raw); err != nil {
		return nil, badHeader("cut short")
	}
	h := &header{Format: "safetensors", Tensors: []tensor{}, size: 8 + int64(length)}
	if err := h.safetensors(raw); err != nil {
		return nil, err
	}
	return h, h.covers(uint64(size)-8-length, true)
}

func (h *header) safetensors(raw []byte) error {
	if len(raw) == 0 || raw[0] != '{' || !utf8.Valid(raw) {
		return badHeader("no JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return badHeader("no JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		switch {
		case err != nil || !ok:
			return badHeader("no JSON object")
		case seen[name]:
			return badHeader("the name %.60q twice", name)
		case len(seen) >= maxTensors:
			return badHeader("more than %d tensors", maxTensors)
		}
		seen[name] = true
		if name == "__metadata__" {
			var m map[string]string
			if d.Decode(&m) != nil {
				return badHeader("__metadata__ is no map of strings")
			}
			h.Metadata = map[string]any{}
			for k, v := range m {
				h.Metadata[k] = v
			}
			continue
		}
		var x struct {
			DType   string   `json:"dtype"`
			Shape   []uint64 `json:"shape"`
			Offsets []uint64 `json:"data_offsets"`
		}
		if err := d.Decode(&x); err != nil || x.DType == "" || x.Shape == nil || len(x.Shape) > maxShape || len(x.Offsets) != 2 {
			return badHeader("tensor %.60q: want dtype, shape of at most %d and data_offsets", name, maxShape)
		}
		one := tensor{Name: name, DType: x.DType, Shape: x.Shape, from: x.Offsets[0], to: x.Offsets[1]}
		n, ok := one.numbers()
		hi, lo := bits.Mul64(n, bitsOf(one.DType))
		if !ok || hi != 0 || one.to < one.from || bitsOf(one.DType) > 0 && (lo%8 != 0 || lo/8 != one.to-one.from) {
			return badHeader("tensor %.60q: its shape does not fit its data_offsets", name)
		}
		h.Tensors = append(h.Tensors, one)
	}
	if _, err := d.Token(); err != nil {
		return badHeader("no JSON object")
	}
	if len(bytes.Trim(raw[d.InputOffset():], " \t\r\n")) > 0 {
		return badHeader("it goes on after its end")
	}
	return nil
}

// covers checks that the tensors lie in n bytes of data, one behind the other; whole: without holes.
func (h *header) covers(n uint64, whole bool) error {
	sorted := slices.Clone(h.Tensors)
	slices.SortStableFunc(sorted, func(a, b tensor) int {
		switch {
		case a.from != b.from:
			return cmpUint(a.from, b.from)
		}
		return cmpUint(a.to, b.to)
	})
	at := uint64(0)
	for _, t := range sorted {
		switch {
		case t.from < at:
			return badHeader("tensor %.60q overlaps another", t.Name)
		case t.to > n:
			return badHeader("tensor %.60q ends at %d, the data has %d bytes", t.Name, t.to, n)
		case whole && t.from != at:
			return badHeader("a hole before tensor %.60q", t.Name)
		}
		at = t.to
	}
	if whole && at != n {
		return badHeader("its tensors are %d bytes, the data has %d", at, n)
	}
	return nil
}

func cmpUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
