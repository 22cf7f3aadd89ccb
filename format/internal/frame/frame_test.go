package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/exitramp/exitramp/format/formattest"
	"github.com/exitramp/exitramp/format/internal/container"
	"github.com/exitramp/exitramp/internal/loadtest"
)

// check walks stored, and holds its content size against the declared one; negative: any.
func check(stored []byte, rawSize int64) error {
	n, err := walk(stored)
	if err != nil {
		return err
	}
	return sameSize(n, rawSize)
}

// sizes are around those at which a frame's header changes. Large ones take minutes under the
// race detector.
func sizes() []int {
	out := []int{0, 1, 2, 255, 256, 257, 65535, 65536, 65792}
	if testing.Short() {
		return out
	}
	return append(out, 1<<20, 3<<20+7)
}

// words is n bytes that compress; beyond 1 MiB they repeat.
func words(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, min(n, 1<<20))
	for i := range b {
		b[i] = "aaabcde  \n"[r.IntN(10)]
	}
	if len(b) < n {
		b = bytes.Repeat(b, n/len(b)+1)[:n]
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, small := range []bool{false, true} {
		var enc Encoder
		dec, err := NewDecoder(64 << 20)
		if err != nil {
			t.Fatal(err)
		}
		defer dec.Close()
		for _, n := range sizes() {
			raw := words(n)
			f := enc.Compress(nil, raw, small)
			if err := check(f, int64(n)); err != nil {
				t.Fatalf("%d: %v", n, err)
			}
			if check(f, int64(n)+1) == nil {
				t.Fatalf("%d: another size passes", n)
			}
			got, err := dec.Decode([]byte("x"), f, int64(n))
			if err != nil || !bytes.Equal(got[1:], raw) {
				t.Fatalf("%d: %v", n, err)
			}
		}
	}
}

// Large content; with EXITRAMP_LOAD the largest that there is.
func TestLarge(t *testing.T) {
	size := loadtest.Of(16<<20, 64<<20) // the most that a frame holds
	var enc Encoder
	dec, err := NewDecoder(int64(size))
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	raw := words(size)
	if got, err := dec.Decode(nil, enc.Compress(nil, raw, false), int64(size)); err != nil || !bytes.Equal(got, raw) {
		t.Error(len(got), err)
	}
	if _, err := dec.Decode(nil, enc.Compress(nil, append(raw, 0), false), -1); err == nil {
		t.Error("a byte more: decoded")
	}
}

func TestCheckRefuses(t *testing.T) {
	var enc Encoder
	good := enc.Compress(nil, words(1000), false)
	plain, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	var stream bytes.Buffer
	sw, _ := zstd.NewWriter(&stream)
	sw.Write(words(1000))
	sw.Flush() // the header goes out before the size is known
	sw.Write(words(1000))
	sw.Close()
	skippable := append([]byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9}, good...)
	dict := bytes.Clone(good)
	dict[4] |= 1
	for name, tc := range map[string]struct {
		b     []byte
		class string
	}{
		"empty":           {nil, "truncated"},
		"no checksum":     {plain.EncodeAll(words(1000), nil), "checksum"},
		"no content size": {stream.Bytes(), "content-size"},
		"two frames":      {append(bytes.Clone(good), good...), "frames"},
		"skippable":       {skippable, "frame"},
		"dictionary":      {dict, "dictionary"},
		"cut":             {good[:len(good)-1], "truncated"},
		"one more byte":   {append(bytes.Clone(good), 0), "frames"},
	} {
		err := check(tc.b, -1)
		var fe *Error
		if !errors.As(err, &fe) || fe.Class != tc.class {
			t.Errorf("%s: %v, want class %s", name, err, tc.class)
		}
	}
}

// A frame that claims 3 GiB is refused before anything is allocated for it.
func TestClaim(t *testing.T) {
	var enc Encoder
	f := enc.Compress(nil, words(70000), false)
	if f[4]>>6 != 2 {
		t.Fatalf("content size is not of four bytes: %x", f[4])
	}
	binary.LittleEndian.PutUint32(f[5:], 3<<30)
	dec, _ := NewDecoder(64 << 20)
	defer dec.Close()
	var fe *Error
	if _, err := dec.Decode(nil, f, -1); !errors.As(err, &fe) || fe.Class != "limit" {
		t.Error(err)
	}
}

// vectors are of unit length with normal components, as embedding models give.
func vectors(n int) []byte {
	r := rand.New(rand.NewPCG(2, 2))
	var b []byte
	for range n {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(r.NormFloat64()*0.025)))
	}
	return b
}

func TestPlanes(t *testing.T) {
	dec, _ := NewDecoder(16 << 20)
	defer dec.Close()
	var e PlaneEncoder
	for _, n := range []int{0, 1, 3, 7, 8, 9, 255, 256, 1024, 40000, 1536 * 256, 1 << 20} {
		vec := vectors(n)
		f, err := e.Encode(nil, vec)
		if err != nil {
			t.Fatal(err)
		}
		if err := check(f, int64(len(vec))); err != nil {
			t.Fatalf("%d words: %v", n, err)
		}
		planes, err := dec.Decode(nil, f, int64(len(vec)))
		if err != nil {
			t.Fatalf("%d words: %v", n, err)
		}
		for i := range vec { // the rule, word by word
			k, w := i%4, bits.RotateLeft32(binary.LittleEndian.Uint32(vec[i/4*4:]), 1)
			if planes[k*len(vec)/4+i/4] != byte(w>>(8*k)) {
				t.Fatalf("%d words: byte %d of word %d is elsewhere", n, k, i/4)
			}
		}
		got, err := DecodePlanes([]byte("x"), planes)
		if err != nil || !bytes.Equal(got[1:], vec) {
			t.Fatalf("%d words: other vectors, %v", n, err)
		}
	}
}

// shapes are vectors of the kinds that embedding models give.
func shapes() map[string][]byte {
	half := vectors(1536 * 40) // as if it had gone through bfloat16
	for i := 0; i < len(half); i += 4 {
		half[i], half[i+1] = 0, 0
	}
	return map[string][]byte{
		"float32":              vectors(1536 * 256),
		"planes of 1.2 blocks": vectors(1536 * 100),
		"one vector":           vectors(1536),
		"bfloat16":             half,
		"zeros":                make([]byte, 1<<20),
	}
}

// order0 is the entropy in bytes of the planes, byte by byte.
func order0(vec []byte) float64 {
	p := split(nil, vec)
	bound := 0.0
	for i := range 4 {
		plane := p[i*len(p)/4 : (i+1)*len(p)/4]
		var count [256]float64
		for _, c := range plane {
			count[c]++
		}
		for _, c := range count {
			if c > 0 {
				bound -= c * math.Log2(c/float64(len(plane))) / 8
			}
		}
	}
	return bound
}

// The size is within half a percent of the entropy of the bytes taken one by one, also where
// planes do not end at blocks.
func TestPlanesRatio(t *testing.T) {
	var e PlaneEncoder
	for name, least := range map[string]float64{"float32": 0.995, "planes of 1.2 blocks": 0.995, "one vector": 0.95, "bfloat16": 0.97} {
		vec := shapes()[name]
		f, err := e.Encode(nil, vec)
		if err != nil {
			t.Fatal(err)
		}
		share := order0(vec) / float64(len(f))
		t.Logf("%s: %.4f of the order-0 bound, ratio %.4f", name, share, float64(len(vec))/float64(len(f)))
		if share < least {
			t.Errorf("%s: %.4f of the order-0 bound, want %.3f", name, share, least)
		}
	}
	if f, _ := e.Encode(nil, make([]byte, 1<<20)); len(f) > 100 {
		t.Errorf("a MiB of zeros takes %d bytes", len(f))
	}
}

// The zstd command reads every frame that is written here.
func TestWithZstd(t *testing.T) {
	bin, err := exec.LookPath("zstd")
	if err != nil {
		t.Skip("SKIPPED: no zstd on this machine")
	}
	check := func(name string, f, want []byte) {
		t.Helper()
		cmd := exec.Command(bin, "-dc")
		cmd.Stdin = bytes.NewReader(f)
		out, err := cmd.Output()
		if err != nil || !bytes.Equal(out, want) {
			t.Errorf("%s: zstd -d: %v, %d bytes", name, err, len(out))
		}
	}
	var e PlaneEncoder
	for name, vec := range shapes() {
		f, err := e.Encode(nil, vec)
		if err != nil {
			t.Fatal(err)
		}
		check(name, f, split(nil, vec))
	}
	var enc Encoder
	for _, n := range sizes() {
		check("text", enc.Compress(nil, words(n), false), words(n))
	}
}

// frames are the frames in the vectors, sound ones and others.
func frames(f *testing.F) (out [][]byte) {
	f.Helper()
	vs, err := formattest.All()
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range vs {
		ra := bytes.NewReader(v.Archive)
		es, err := container.Read(ra, ra.Size(), container.Limits{Members: 100, Stored: 1 << 20})
		if err != nil || len(v.Identities) > 0 || !strings.HasPrefix(v.Name, "payload-frame") && v.Expect != formattest.Accept {
			continue
		}
		for _, e := range es {
			if b, err := container.ReadMember(ra, e); err == nil && strings.HasSuffix(e.Name, ".zst") {
				out = append(out, b)
			}
		}
	}
	if len(out) == 0 {
		f.Fatal("no frames in the vectors")
	}
	return out
}

// What is walked is one frame of the size that it says, or does not decode; and what follows it is refused.
func FuzzCheck(f *testing.F) {
	for _, b := range frames(f) {
		f.Add(b)
	}
	var e PlaneEncoder
	p, _ := e.Encode(nil, vectors(5000))
	f.Add(p)
	dec, _ := NewDecoder(1 << 20)
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := walk(b)
		if err != nil {
			return
		}
		if check(append(bytes.Clone(b), b...), -1) == nil || check(b[:len(b)-1], -1) == nil {
			t.Error("two of them pass, or less than one")
		}
		if out, err := dec.Decode(nil, b, int64(n)); err == nil && uint64(len(out)) != n {
			t.Errorf("%d bytes, said %d", len(out), n)
		}
	})
}

// Planes are undone to the bit, whatever the words; and what is undone is split into the same.
func FuzzPlanes(f *testing.F) {
	for _, v := range shapes() {
		f.Add(v[:min(len(v), 4096)])
	}
	dec, _ := NewDecoder(1 << 20)
	var e PlaneEncoder
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:min(len(b)&^3, 1<<20)]
		stored, err := e.Encode(nil, b)
		if err != nil {
			t.Fatal(err)
		}
		planes, err := dec.Decode(nil, stored, int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodePlanes(nil, planes); err != nil || !bytes.Equal(got, b) {
			t.Errorf("other words: %v", err)
		}
		any, err := DecodePlanes(nil, b)
		if err != nil || !bytes.Equal(split(nil, any), b) {
			t.Errorf("planes are not those of their words: %v", err)
		}
	})
}

func BenchmarkPlanes(b *testing.B) {
	vec := vectors(1536 * 256)
	var e PlaneEncoder
	var out []byte
	b.SetBytes(int64(len(vec)))
	b.ReportAllocs()
	for b.Loop() {
		out, _ = e.Encode(out[:0], vec)
	}
}

func BenchmarkDecodePlanes(b *testing.B) {
	vec := vectors(1536 * 256)
	f, _ := new(PlaneEncoder).Encode(nil, vec)
	dec, _ := NewDecoder(16 << 20)
	defer dec.Close()
	var planes, out []byte
	b.SetBytes(int64(len(vec)))
	b.ReportAllocs()
	for b.Loop() {
		planes, _ = dec.Decode(planes[:0], f, int64(len(vec)))
		out, _ = DecodePlanes(out[:0], planes)
	}
}

func BenchmarkCompress(b *testing.B) {
	var enc Encoder
	raw := words(1 << 20)
	var out []byte
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		out = enc.Compress(out[:0], raw, false)
	}
}
