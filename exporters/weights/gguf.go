package weights

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"unicode/utf8"
)

// ggmlType is a number format of GGUF: a block of numbers is so many bytes.
type ggmlType struct {
	name         string
	block, bytes uint64
}

// typeOf is the number format n, as in ggml.h; false: of a later release.
func typeOf(n uint32) (ggmlType, bool) {
	t, ok := map[uint32]ggmlType{
		0: {"F32", 1, 4}, 1: {"F16", 1, 2}, 2: {"Q4_0", 32, 18}, 3: {"Q4_1", 32, 20}, 6: {"Q5_0", 32, 22}, 7: {"Q5_1", 32, 24},
		8: {"Q8_0", 32, 34}, 9: {"Q8_1", 32, 40}, 10: {"Q2_K", 256, 84}, 11: {"Q3_K", 256, 110}, 12: {"Q4_K", 256, 144},
		13: {"Q5_K", 256, 176}, 14: {"Q6_K", 256, 210}, 15: {"Q8_K", 256, 292}, 16: {"IQ2_XXS", 256, 66}, 17: {"IQ2_XS", 256, 74},
		18: {"IQ3_XXS", 256, 98}, 19: {"IQ1_S", 256, 50}, 20: {"IQ4_NL", 32, 18}, 21: {"IQ3_S", 256, 110}, 22: {"IQ2_S", 256, 82},
		23: {"IQ4_XS", 256, 136}, 24: {"I8", 1, 1}, 25: {"I16", 1, 2}, 26: {"I32", 1, 4}, 27: {"I64", 1, 8}, 28: {"F64", 1, 8},
		29: {"IQ1_M", 256, 56}, 30: {"BF16", 1, 2}, 31: {"Q4_0_4_4", 32, 18}, 32: {"Q4_0_4_8", 32, 18}, 33: {"Q4_0_8_8", 32, 18}, 36: {"IQ4_NL_4_4", 32, 18},
		37: {"IQ4_NL_4_8", 32, 18}, 38: {"IQ4_NL_8_8", 32, 18}, 34: {"TQ1_0", 256, 54}, 35: {"TQ2_0", 256, 66}, 39: {"MXFP4", 32, 17}, 40: {"NVFP4", 64, 36}, 41: {"Q1_0", 128, 18},
	}[n]
	return t, ok
}

// maxFormat is the number that a format of a later release has at most. There are some forty by now.
const maxFormat = 255

// readGGUF reads the header of a file of size bytes. Arrays of metadata, such as the words of a
// tokenizer, are passed over and counted.
func readGGUF(r io.Reader, size int64) (*header, error) {
	g := &gguf{r: bufio.NewReaderSize(r, 64<<10), left: min(size, maxHeader), order: binary.LittleEndian}
	h := &header{Format: "gguf", Metadata: map[string]any{}, Tensors: []tensor{}}
	magic, version := g.bytes(4), g.u32()
	if v := bits.ReverseBytes32(version); v == 2 || v == 3 { // made for a machine that counts from the other end, such as s390x
		g.order, version = binary.BigEndian, v
		h.Order = "big-endian"
	}
	tensors, pairs := g.u64(), g.u64()
	switch {
	case g.err != nil:
		return nil, g.err
	case string(magic) != "GGUF":
		return nil, badHeader("no GGUF")
	case version != 2 && version != 3:
		return nil, badHeader("version %d, want 2 or 3", version)
	case tensors > maxTensors || pairs > maxTensors:
		return nil, badHeader("%d tensors and %d pairs, at most %d", tensors, pairs, maxTensors)
	}
	align := uint64(32)
	for range pairs {
		key := g.text(math.MaxUint16)
		typ := g.u32()
		v := g.value(typ, 0)
		if g.err != nil {
			return nil, g.err
		}
		if _, ok := h.Metadata[key]; ok {
			return nil, badHeader("the key %.60q twice", key)
		}
		h.Metadata[key] = v
		if key == "general.alignment" {
			n, ok := v.(uint32)
			if !ok || n == 0 || bits.OnesCount32(n) != 1 {
				return nil, badHeader("general.alignment is no power of two")
			}
			align = uint64(n)
		}
	}
	seen := map[string]bool{}
	for range tensors {
		t, err := g.tensor(align)
		if err != nil {
			return nil, err
		}
		if seen[t.Name] {
			return nil, badHeader("the name %.60q twice", t.Name)
		}
		seen[t.Name] = true
		h.Tensors = append(h.Tensors, t)
	}
	h.size = min(size, maxHeader) - g.left
	data := (uint64(h.size) + align - 1) / align * align
	if tensors == 0 {
		return h, nil
	}
	if data > uint64(size) {
		return nil, badHeader("cut short before the data")
	}
	return h, h.covers(uint64(size)-data, false)
}

// gguf reads the parts of a header. After an error everything is zero.
type gguf struct {
	r     *bufio.Reader
	left  int64 // bytes that may still be of the header
	order binary.ByteOrder
	err   error
}

func (g *gguf) bytes(n uint64) []byte {
	if g.err == nil && n > uint64(g.left) {
		g.err = badHeader("cut short, or longer than %d bytes", maxHeader)
	}
	if g.err != nil {
		return make([]byte, min(n, 8))
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(g.r, b); err != nil {
		g.err = badHeader("cut short")
	}
	g.left -= int64(n)
	return b
}

func (g *gguf) skip(n uint64) {
	if g.err == nil && n > uint64(g.left) {
		g.err = badHeader("cut short, or longer than %d bytes", maxHeader)
	}
	if g.err != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, g.r, int64(n)); err != nil {
		g.err = badHeader("cut short")
	}
	g.left -= int64(n)
}

func (g *gguf) u32() uint32 { return g.order.Uint32(g.bytes(4)) }
func (g *gguf) u64() uint64 { return g.order.Uint64(g.bytes(8)) }

// text is a string of at most most bytes.
func (g *gguf) text(most uint64) string {
	n := g.u64()
	if g.err == nil && n > most {
		g.err = badHeader("a name of %d bytes", n)
	}
	if g.err != nil {
		return ""
	}
	b := g.bytes(n)
	if g.err == nil && !utf8.Valid(b) {
		g.err = badHeader("a name that is not UTF-8")
	}
	return string(b)
}

// shown is how long a string of metadata is that is held here; the header's bytes hold all of it.
const shown = 1024

// value reads a value of metadata: numbers, truth and short strings as they are, longer strings and
// arrays as how long they are.
func (g *gguf) value(typ uint32, depth int) any {
	switch typ {
	case 0:
		return uint32(g.bytes(1)[0])
	case 1:
		return int32(int8(g.bytes(1)[0]))
	case 2:
		return uint32(g.order.Uint16(g.bytes(2)))
	case 3:
		return int32(int16(g.order.Uint16(g.bytes(2))))
	case 4:
		return g.u32()
	case 5:
		return int32(g.u32())
	case 6:
		return finite(float64(math.Float32frombits(g.u32())))
	case 7:
		return g.bytes(1)[0] != 0
	case 8:
		n := g.u64()
		if n > shown {
			g.skip(n)
			return map[string]any{"bytes": n}
		}
		if b := g.bytes(n); utf8.Valid(b) && g.err == nil {
			return string(b)
		}
		return map[string]any{"bytes": n}
	case 9:
		return g.array(depth)
	case 10:
		return g.u64()
	case 11:
		return int64(g.u64())
	case 12:
		return finite(math.Float64frombits(g.u64()))
	}
	if g.err == nil {
		g.err = badHeader("metadata of type %d", typ)
	}
	return nil
}

// finite is f for JSON, which has no word for the others: they are the texts that plainjson.QuoteWords makes.
func finite(f float64) any {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return f
}

func (g *gguf) array(depth int) any {
	typ, n := g.u32(), g.u64()
	if g.err == nil && depth > 3 {
		g.err = badHeader("arrays in arrays in arrays")
	}
	size := map[uint32]uint64{0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}[typ]
	switch hi, lo := bits.Mul64(n, size); {
	case g.err != nil:
	case hi != 0:
		g.err = badHeader("an array of %d", n)
	case size > 0:
		g.skip(lo)
	case typ == 8:
		for i := uint64(0); i < n && g.err == nil; i++ {
			g.skip(g.u64())
		}
	default:
		for i := uint64(0); i < n && g.err == nil; i++ {
			g.value(typ, depth+1)
		}
	}
	return map[string]any{"elements": n}
}

func (g *gguf) tensor(align uint64) (tensor, error) {
	t := tensor{Name: g.text(math.MaxUint16), Shape: []uint64{}}
	dims := g.u32()
	if g.err == nil && dims > maxDims {
		return t, badHeader("tensor %.60q: %d dimensions, at most %d", t.Name, dims, maxDims)
	}
	for range dims {
		if g.err == nil {
			t.Shape = append(t.Shape, g.u64())
		}
	}
	typ, at := g.u32(), g.u64()
	if g.err != nil {
		return t, g.err
	}
	f, ok := typeOf(typ)
	switch {
	case !ok && typ > maxFormat:
		return t, badHeader("tensor %.60q: number format %d is not known", t.Name, typ)
	case !ok: // of a later release: how many bytes it has is not known
		f = ggmlType{fmt.Sprintf("type %d", typ), 1, 0}
	}
	n, fits := t.numbers()
	row := uint64(1)
	if len(t.Shape) > 0 {
		row = t.Shape[0]
	}
	hi, size := bits.Mul64(n/f.block, f.bytes)
	t.DType, t.from, t.to = f.name, at, at+size
	if !fits || hi != 0 || row%f.block != 0 || t.to < at || at%align != 0 {
		return t, badHeader("tensor %.60q: its shape or its offset cannot be", t.Name)
	}
	return t, nil
}
