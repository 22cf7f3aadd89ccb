package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/huff0"
)

// Vectors of float32 are noise to zstd but for their exponents. Rotated left by one, the
// exponent is one byte; the four bytes of all words are laid out as four planes, and each
// stretch of a plane is Huffman-coded, one repeated byte, or as it is: blocks that any zstd
// decoder reads.

const (
	blockSize = 128 << 10 // the most that zstd allows
	minHuff   = 256       // bytes; below, four streams and a table do not pay
)

// A PlaneEncoder makes the frames of vectors. It is for one goroutine. The zero value is ready.
type PlaneEncoder struct {
	huff   huff0.Scratch
	planes []byte
}

// Encode appends to dst the frame of vec, whose length is a multiple of four.
func (e *PlaneEncoder) Encode(dst, vec []byte) ([]byte, error) {
	if len(vec)%4 != 0 || uint64(len(vec)) > 1<<32-1 {
		return nil, &Error{"planes", "a multiple of 4 bytes, below 4 GiB", fmt.Sprint(len(vec))}
	}
	if len(vec) == 0 {
		return appendEmpty(dst), nil
	}
	e.planes = split(e.planes, vec)
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, magic)
	dst = append(dst, 2<<6|0x20|4) // content size of four bytes, single segment, checksum
	dst = le.AppendUint32(dst, uint32(len(e.planes)))
	for k, n := 0, len(vec)/4; k < 4; k++ {
		for p := e.planes[k*n : (k+1)*n]; len(p) > 0; { // a block never mixes planes
			b := p[:min(blockSize, len(p))]
			p = p[len(b):]
			dst = e.block(dst, b, k == 3 && len(p) == 0)
		}
	}
	return le.AppendUint32(dst, uint32(xxhash.Sum64(e.planes))), nil
}

// Block types of zstd.
const (
	blockRaw = iota << 1
	blockRLE
	blockCompressed
)

// block appends one block.
func (e *PlaneEncoder) block(dst, b []byte, last bool) []byte {
	flag := uint32(0)
	if last {
		flag = 1
	}
	if len(b) >= minHuff && !even(b) {
		e.huff.Reuse = huff0.ReusePolicyNone
		out, _, err := huff0.Compress4X(b, &e.huff)
		if errors.Is(err, huff0.ErrUseRLE) {
			dst = append3(dst, uint32(len(b))<<3|blockRLE|flag)
			return append(dst, b[0])
		}
		if err == nil && len(out)+6 < len(b) {
			dst = append3(dst, uint32(5+len(out)+1)<<3|blockCompressed|flag)
			// Literals: Huffman-coded with a table (2), sizes of 18 bits (3).
			h := uint64(2) | 3<<2 | uint64(len(b))<<4 | uint64(len(out))<<22
			dst = append(dst, byte(h), byte(h>>8), byte(h>>16), byte(h>>24), byte(h>>32))
			dst = append(dst, out...)
			return append(dst, 0) // no sequences
		}
	}
	dst = append3(dst, uint32(len(b))<<3|blockRaw|flag)
	return append(dst, b...)
}

// even tells whether b is too evenly spread for Huffman coding, as the low bytes of mantissas are,
// from a part of it: huff0 gives up as well where no byte has more than a 128th of all, but counts
// them all first.
func even(b []byte) bool {
	const part = 16 << 10
	if len(b) < 4*part {
		return false
	}
	var count [256]uint16
	for i := range part / 8 { // eight neighbours, a stretch away from the next
		for _, c := range b[i*(len(b)/part*8):][:8] {
			count[c]++
		}
	}
	for _, n := range count {
		if n >= part/128-part/1024 { // well below the 128th, since a part shows less than all
			return false
		}
	}
	return true
}

func append3(dst []byte, x uint32) []byte { return append(dst, byte(x), byte(x>>8), byte(x>>16)) }

// Eight words at a time, as four pairs (i, i+4), each in a uint64.
const (
	low   = 0x00000000ffffffff
	lanes = 0x000000ff000000ff // the lowest byte of each word of a pair
	ones  = 0x0000000100000001
)

// split lays vec out as planes. It uses the room of dst.
func split(dst, vec []byte) []byte {
	n := len(vec) / 4
	if cap(dst) < len(vec) {
		dst = make([]byte, len(vec))
	}
	dst = dst[:len(vec)]
	a, b, c, d := dst[:n], dst[n:2*n], dst[2*n:3*n], dst[3*n:4*n]
	le := binary.LittleEndian
	i := 0
	for ; i+8 <= n; i += 8 {
		s := vec[4*i : 4*i+32 : 4*i+32]
		s0, s1, s2, s3 := le.Uint64(s), le.Uint64(s[8:]), le.Uint64(s[16:]), le.Uint64(s[24:])
		w, x, y, z := s0&low|s2<<32, s0>>32|s2&^low, s1&low|s3<<32, s1>>32|s3&^low
		w = w<<1&^ones | w>>31&ones
		x = x<<1&^ones | x>>31&ones
		y = y<<1&^ones | y>>31&ones
		z = z<<1&^ones | z>>31&ones
		le.PutUint64(a[i:], w&lanes|x&lanes<<8|y&lanes<<16|z&lanes<<24)
		le.PutUint64(b[i:], w>>8&lanes|x>>8&lanes<<8|y>>8&lanes<<16|z>>8&lanes<<24)
		le.PutUint64(c[i:], w>>16&lanes|x>>16&lanes<<8|y>>16&lanes<<16|z>>16&lanes<<24)
		le.PutUint64(d[i:], w>>24&lanes|x>>24&lanes<<8|y>>24&lanes<<16|z>>24&lanes<<24)
	}
	for ; i < n; i++ {
		w := bits.RotateLeft32(le.Uint32(vec[4*i:]), 1)
		a[i], b[i], c[i], d[i] = byte(w), byte(w>>8), byte(w>>16), byte(w>>24)
	}
	return dst
}

// DecodePlanes undoes the planes: it appends to dst the vectors that planes, the content of a
// frame of vectors, stands for.
func DecodePlanes(dst, planes []byte) ([]byte, error) {
	if len(planes)%4 != 0 {
		return nil, &Error{"planes", "a multiple of 4 bytes", fmt.Sprint(len(planes))}
	}
	at := len(dst)
	if free := cap(dst) - at; free < len(planes) {
		dst = append(make([]byte, 0, at+len(planes)), dst...)
	}
	dst = dst[:at+len(planes)]
	join(dst[at:], planes)
	return dst, nil
}

func join(dst, planes []byte) {
	n := len(planes) / 4
	a, b, c, d := planes[:n], planes[n:2*n], planes[2*n:3*n], planes[3*n:4*n]
	le := binary.LittleEndian
	i := 0
	for ; i+8 <= n; i += 8 {
		p, q, r, s := le.Uint64(a[i:]), le.Uint64(b[i:]), le.Uint64(c[i:]), le.Uint64(d[i:])
		w := p&lanes | q&lanes<<8 | r&lanes<<16 | s&lanes<<24
		x := p>>8&lanes | q>>8&lanes<<8 | r>>8&lanes<<16 | s>>8&lanes<<24
		y := p>>16&lanes | q>>16&lanes<<8 | r>>16&lanes<<16 | s>>16&lanes<<24
		z := p>>24&lanes | q>>24&lanes<<8 | r>>24&lanes<<16 | s>>24&lanes<<24
		w = w>>1&^(ones<<31) | w&ones<<31
		x = x>>1&^(ones<<31) | x&ones<<31
		y = y>>1&^(ones<<31) | y&ones<<31
		z = z>>1&^(ones<<31) | z&ones<<31
		o := dst[4*i : 4*i+32 : 4*i+32]
		le.PutUint64(o, w&low|x<<32)
		le.PutUint64(o[8:], y&low|z<<32)
		le.PutUint64(o[16:], w>>32|x&^low)
		le.PutUint64(o[24:], y>>32|z&^low)
	}
	for ; i < n; i++ {
		w := uint32(a[i]) | uint32(b[i])<<8 | uint32(c[i])<<16 | uint32(d[i])<<24
		le.PutUint32(dst[4*i:], bits.RotateLeft32(w, -1))
	}
}
