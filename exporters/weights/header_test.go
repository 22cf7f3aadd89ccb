package weights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// st is a file of safetensors with this header and n bytes of data.
func st(header string, n int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, n)...)
}

func TestSafetensorsRefused(t *testing.T) {
	long := binary.LittleEndian.AppendUint64(nil, 1<<63)
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":              {nil, "cut short"},
		"length 2^63":        {append(long, "{}"...), "9223372036854775808 bytes long"},
		"length 2^64-1":      {append(bytes.Repeat([]byte{255}, 8), "{}"...), "bytes long"},
		"cut header":         {st(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1)[:30], "bytes long"},
		"cut data":           {st(`{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}`, 8), "the data has 8"},
		"more data":          {st(`{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}`, 9), "the data has 9"},
		"no JSON":            {st(`hello`, 0), "no JSON object"},
		"no text":            {st("{\"a\xff\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1), "no JSON object"},
		"cut JSON":           {st(`{"a":{"dtype":"U8"`, 0), "tensor"},
		"goes on far behind": {st(`{}`+strings.Repeat(" ", 5000)+`x`, 0), "goes on"},
		"goes on":            {st(`{}{}`, 0), "goes on"},
		"twice":              {st(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2), "twice"},
		"overlap":            {st(`{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}`, 6), "overlaps"},
		"hole":               {st(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3), "hole"},
		"backwards":          {st(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, 1), "does not fit"},
		"shape and offsets":  {st(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4), "does not fit"},
		"shape overflows":    {st(`{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}}`, 0), "does not fit"},
		"negative":           {st(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4), "want dtype"},
		"half a byte":        {st(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}`, 1), "does not fit"},
		"deep shape":         {st(`{"a":{"dtype":"U8","shape":[1`+strings.Repeat(",1", 64)+`],"data_offsets":[0,1]}}`, 1), "at most 64"},
		"no shape":           {st(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, 1), "want dtype"},
		"metadata of others": {st(`{"__metadata__":{"a":1}}`, 0), "__metadata__"},
	} {
		_, err := readSafetensors(bytes.NewReader(c.b), int64(len(c.b)))
		if !errors.Is(err, errHeader) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// A number format of a later release is taken as it is.
	b := st(`{"a":{"dtype":"F3","shape":[8],"data_offsets":[0,3]}}`, 3)
	if h, err := readSafetensors(bytes.NewReader(b), int64(len(b))); err != nil || h.Tensors[0].DType != "F3" {
		t.Error(err)
	}
}

// gg writes the parts of a GGUF file.
type gg struct {
	bytes.Buffer
	big bool
}

func (g *gg) order() binary.ByteOrder {
	if g.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func (g *gg) n(vs ...any) *gg {
	for _, v := range vs {
		switch v := v.(type) {
		case string:
			binary.Write(g, g.order(), uint64(len(v)))
			g.WriteString(v)
		default:
			binary.Write(g, g.order(), v)
		}
	}
	return g
}

// begin is a header up to its counts.
func begin(tensors, pairs uint64) *gg {
	g := &gg{}
	g.WriteString("GGUF")
	return g.n(uint32(3), tensors, pairs)
}

func (g *gg) data(n int) []byte {
	for g.Len()%32 != 0 {
		g.WriteByte(0)
	}
	g.Write(make([]byte, n))
	return g.Bytes()
}

func TestGGUFRefused(t *testing.T) {
	f32 := uint32(0)
	one := func(name string, typ uint32, at uint64, dims ...uint64) []any {
		out := []any{name, uint32(len(dims))}
		for _, d := range dims {
			out = append(out, d)
		}
		return append(out, typ, at)
	}
	good := begin(1, 1).n("general.alignment", uint32(4), uint32(32)).n(one("a", f32, 0, 8)...).data(32)
	if h, err := readGGUF(bytes.NewReader(good), int64(len(good))); err != nil || len(h.Tensors) != 1 {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":            {nil, "cut short"},
		"magic":            {append([]byte("GGML"), good[4:]...), "no GGUF"},
		"version 1":        {(&gg{}).n([]byte("GGUF"), uint32(1), uint64(0), uint64(0)).Bytes(), "version 1"},
		"tensors 2^63":     {begin(1<<63, 0).Bytes(), "at most"},
		"pairs 2^63":       {begin(0, 1<<63).Bytes(), "at most"},
		"pairs not there":  {begin(0, 1000).Bytes(), "cut short"},
		"key 2^63":         {begin(0, 1).n(uint64(1 << 63)).Bytes(), "a name of"},
		"string 2^63":      {begin(0, 1).n("k", uint32(8), uint64(1<<63)).Bytes(), "cut short"},
		"array 2^63":       {begin(0, 1).n("k", uint32(9), uint32(4), uint64(1<<63)).Bytes(), "array"},
		"strings 2^40":     {begin(0, 1).n("k", uint32(9), uint32(8), uint64(1<<40)).Bytes(), "cut short"},
		"arrays in arrays": {begin(0, 1).n("k", uint32(9), uint32(9), uint64(1), uint32(9), uint64(1), uint32(9), uint64(1), uint32(9), uint64(1), uint32(9), uint64(1)).Bytes(), "arrays in arrays"},
		"type":             {begin(0, 1).n("k", uint32(99)).Bytes(), "type 99"},
		"key twice":        {begin(0, 2).n("k", uint32(7), uint8(1), "k", uint32(7), uint8(1)).Bytes(), "twice"},
		"alignment 0":      {begin(0, 1).n("general.alignment", uint32(4), uint32(0)).Bytes(), "power of two"},
		"alignment 33":     {begin(0, 1).n("general.alignment", uint32(4), uint32(33)).Bytes(), "power of two"},
		"cut data":         {good[:len(good)-1], "the data has 31"},
		"tensor twice":     {begin(2, 0).n(append(one("a", f32, 0, 8), one("a", f32, 32, 8)...)...).data(64), "twice"},
		"overlap":          {begin(2, 0).n(append(one("a", f32, 0, 16), one("b", f32, 32, 8)...)...).data(64), "overlaps"},
		"offset 2^64-1":    {begin(1, 0).n(one("a", f32, math.MaxUint64-31, 8)...).data(32), "cannot be"},
		"not aligned":      {begin(1, 0).n(one("a", f32, 8, 8)...).data(64), "cannot be"},
		"half a block":     {begin(1, 0).n(one("a", 8, 0, 33)...).data(64), "cannot be"},
		"shape overflows":  {begin(1, 0).n(one("a", f32, 0, 1<<40, 1<<40)...).data(32), "cannot be"},
		"dimensions":       {begin(1, 0).n("a", uint32(1<<31)).data(32), "dimensions"},
		"number format":    {begin(1, 0).n(one("a", 1234, 0, 8)...).data(32), "not known"},
		"name":             {begin(1, 0).n(one("\xff", f32, 0, 8)...).data(32), "UTF-8"},
	} {
		_, err := readGGUF(bytes.NewReader(c.b), int64(len(c.b)))
		if !errors.Is(err, errHeader) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// sound checks what a header that was taken promises: no tensor twice, none beyond the file.
func sound(h *header, size int64) error {
	seen := map[string]bool{}
	for _, x := range h.Tensors {
		if seen[x.Name] || x.from > x.to || x.to > uint64(size) {
			return fmt.Errorf("tensor %q from %d to %d of %d", x.Name, x.from, x.to, size)
		}
		seen[x.Name] = true
	}
	if h.size > size {
		return fmt.Errorf("a header of %d in %d", h.size, size)
	}
	return nil
}

func FuzzSafetensors(f *testing.F) {
	for _, n := range []string{"tiny-base/model-00001-of-00002.safetensors", "tiny-base/model-00002-of-00002.safetensors", "support-lora/adapter_model.safetensors"} {
		f.Add(fixture(f, n))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := readSafetensors(bytes.NewReader(b), int64(len(b))); err == nil {
			if err := sound(h, int64(len(b))); err != nil {
				t.Error(err)
			}
		} else if !errors.Is(err, errHeader) {
			t.Error(err)
		}
	})
}

func FuzzGGUF(f *testing.F) {
	f.Add(fixture(f, "tiny.Q8_0.gguf"))
	f.Add(begin(0, 1).n("k", uint32(9), uint32(8), uint64(2), "a", "b").Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := readGGUF(bytes.NewReader(b), int64(len(b))); err == nil {
			if err := sound(h, int64(len(b))); err != nil {
				t.Error(err)
			}
		} else if !errors.Is(err, errHeader) {
			t.Error(err)
		}
	})
}

// Formats of four bits and of one, of llama.cpp of 2026: a header whose numbers do not fit the data is refused.
func TestFewBits(t *testing.T) {
	for _, c := range []struct {
		typ    uint32
		name   string
		n, len uint64
	}{{40, "NVFP4", 64, 36}, {41, "Q1_0", 128, 18}} {
		for _, short := range []uint64{0, 1} {
			b := begin(1, 0).n("w", uint32(1), c.n, c.typ, uint64(0)).data(int(c.len - short))
			h, err := readGGUF(bytes.NewReader(b), int64(len(b)))
			if (err == nil) != (short == 0) || err == nil && h.Tensors[0].DType != c.name {
				t.Errorf("%s, %d bytes less: %v %v", c.name, short, h, err)
			}
		}
	}
}
