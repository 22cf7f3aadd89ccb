package frame

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/huff0"
)

// Vectors of float32 are noise to zstd but for their exponents. Rotated left by one, the
// exponent is one byte; the four bytes of all words are laid out as four planes, and only
// planes that gain from it are Huffman-coded, in blocks that any zstd decoder reads.

const blockSize = 128 << 10

// A PlaneEncoder makes the frames of vectors. It is for one goroutine.
type PlaneEncoder struct {
	huff   huff0.Scratch
	planes []byte
}

// EncodePlanes appends to dst the frame of vec, whose length is a multiple of four.
func EncodePlanes(dst, vec []byte) ([]byte, error) { return new(PlaneEncoder).Encode(dst, vec) }

// Encode is EncodePlanes with buffers that are used again.
func (e *PlaneEncoder) Encode(dst, vec []byte) ([]byte, error) {
	if len(vec)%4 != 0 {
		return nil, &Error{"planes", "a multiple of 4 bytes", fmt.Sprint(len(vec))}
	}
	e.planes = split(e.planes[:0], vec)
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, magic)
	dst = append(dst, 2<<6|0x20|4) // content size of four bytes, single segment, checksum
	dst = le.AppendUint32(dst, uint32(len(e.planes)))
	for p := e.planes; ; {
		b := p[:min(blockSize, len(p))]
		p = p[len(b):]
		dst = e.block(dst, b, len(p) == 0)
		if len(p) == 0 {
			break
		}
	}
	return le.AppendUint32(dst, uint32(xxhash.Sum64(e.planes))), nil
}

// block appends one block: Huffman-coded literals and no sequences, or raw where that is no
// shorter.
func (e *PlaneEncoder) block(dst, b []byte, last bool) []byte {
	flag := uint32(0)
	if last {
		flag = 1
	}
	e.huff.Reuse = huff0.ReusePolicyNone
	if len(b) >= 1024 { // below, four streams and a table do not pay
		if out, _, err := huff0.Compress4X(b, &e.huff); err == nil && len(out)+6 < len(b) {
			dst = append3(dst, uint32(5+len(out)+1)<<3|2<<1|flag)
			// Literals: Huffman-coded with a table (2), sizes of 18 bits (3).
			h := uint64(2) | 3<<2 | uint64(len(b))<<4 | uint64(len(out))<<22
			dst = append(dst, byte(h), byte(h>>8), byte(h>>16), byte(h>>24), byte(h>>32))
			dst = append(dst, out...)
			return append(dst, 0) // no sequences
		}
	}
	dst = append3(dst, uint32(len(b))<<3|flag)
	return append(dst, b...)
}

func append3(dst []byte, x uint32) []byte { return append(dst, byte(x), byte(x>>8), byte(x>>16)) }

func split(dst, vec []byte) []byte {
	n := len(vec) / 4
	if cap(dst) < len(vec) {
		dst = make([]byte, len(vec))
	}
	dst = dst[:len(vec)]
	a, b, c, d := dst[:n], dst[n:2*n], dst[2*n:3*n], dst[3*n:]
	for i := range n {
		w := bits.RotateLeft32(binary.LittleEndian.Uint32(vec[4*i:]), 1)
		a[i], b[i], c[i], d[i] = byte(w), byte(w>>8), byte(w>>16), byte(w>>24)
	}
	return dst
}

// DecodePlanes undoes the planes: it appends to dst the vectors that planes, the content of a frame of
// vectors, stands for.
func DecodePlanes(dst, planes []byte) ([]byte, error) {
	if len(planes)%4 != 0 {
		return nil, &Error{"planes", "a multiple of 4 bytes", fmt.Sprint(len(planes))}
	}
	n := len(planes) / 4
	a, b, c, d := planes[:n], planes[n:2*n], planes[2*n:3*n], planes[3*n:]
	for i := range n {
		w := uint32(a[i]) | uint32(b[i])<<8 | uint32(c[i])<<16 | uint32(d[i])<<24
		dst = binary.LittleEndian.AppendUint32(dst, bits.RotateLeft32(w, -1))
	}
	return dst, nil
}
