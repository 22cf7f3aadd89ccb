// Package frame is the one zstd frame of a member: content size and checksum present, no
// dictionary, nothing behind it.
package frame

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// Error is a frame that is not the one that the format allows.
type Error struct {
	Class     string
	Want, Got string
}

// Error says it in a line.
func (e *Error) Error() string {
	return fmt.Sprintf("frame: %s: want %s, got %s", e.Class, e.Want, e.Got)
}

const magic = 0xFD2FB528

// An Encoder makes frames. It is for one goroutine. The zero value is ready.
type Encoder struct{ by [2]*zstd.Encoder }

// Compress appends the frame of raw to dst: of zstd's fastest level, or small, of its default one,
// which is a tenth smaller and half again as slow.
func (e *Encoder) Compress(dst, raw []byte, small bool) []byte {
	i, speed := 0, zstd.SpeedFastest
	if small {
		i, speed = 1, zstd.SpeedDefault
	}
	if e.by[i] == nil {
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(speed),
			zstd.WithEncoderCRC(true), zstd.WithSingleSegment(true), zstd.WithLowerEncoderMem(true),
			zstd.WithWindowSize(1<<20)) // a shard's size: more would cost memory alone
		if err != nil {
			panic("frame: constant options refused: " + err.Error())
		}
		e.by[i] = enc
	}
	if len(raw) == 0 {
		return appendEmpty(dst)
	}
	return e.by[i].EncodeAll(raw, dst)
}

// appendEmpty appends the frame of no content, which klauspost writes without a checksum, or
// not at all.
func appendEmpty(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, magic)
	dst = append(dst, 0x20|4, 0, 1, 0, 0) // single segment, checksum; size 0; a last, raw block of 0 bytes
	const sum = 0x51d8e999                // low half of the XXH64 of nothing
	return binary.LittleEndian.AppendUint32(dst, sum)
}

// A Decoder opens frames. It is for one goroutine at a time.
type Decoder struct {
	dec *zstd.Decoder
	max int64
}

// NewDecoder returns a Decoder for contents of at most max bytes.
func NewDecoder(max int64) (*Decoder, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(max)+1<<20), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return &Decoder{dec, max}, nil
}

// Close releases the decoder.
func (d *Decoder) Close() { d.dec.Close() }

// Decode checks stored and appends its content to dst. rawSize is the declared content size;
// negative: what the frame itself says.
func (d *Decoder) Decode(dst, stored []byte, rawSize int64) ([]byte, error) {
	n, err := walk(stored)
	if err != nil {
		return nil, err
	}
	if err := sameSize(n, rawSize); err != nil {
		return nil, err
	}
	if n > uint64(d.max) {
		return nil, &Error{"limit", fmt.Sprintf("at most %d bytes of content", d.max), fmt.Sprint(n)}
	}
	if free := cap(dst) - len(dst); uint64(free) < n {
		dst = append(make([]byte, 0, uint64(len(dst))+n), dst...)
	}
	before := len(dst)
	out, err := d.dec.DecodeAll(stored, dst)
	if err != nil {
		return nil, &Error{"frame", "a zstd frame that decodes", err.Error()}
	}
	if uint64(len(out)-before) != n {
		return nil, &Error{"size", fmt.Sprintf("%d bytes of content", n), fmt.Sprint(len(out) - before)}
	}
	return out, nil
}

func sameSize(n uint64, want int64) error {
	if want >= 0 && n != uint64(want) {
		return &Error{"size", fmt.Sprintf("%d bytes of content", want), fmt.Sprint(n)}
	}
	return nil
}

// walk follows the block headers to the end of b and returns the content size.
func walk(b []byte) (uint64, error) {
	le := binary.LittleEndian
	if len(b) < 6 {
		return 0, &Error{"truncated", "a zstd frame", fmt.Sprintf("%d bytes", len(b))}
	}
	if m := le.Uint32(b); m != magic {
		if m&0xFFFFFFF0 == 0x184D2A50 {
			return 0, &Error{"frame", "a zstd frame", "a skippable frame"}
		}
		return 0, &Error{"frame", "the magic of a zstd frame", fmt.Sprintf("%08x", m)}
	}
	fhd := b[4]
	at := 5
	single := fhd&0x20 != 0
	switch {
	case fhd&3 != 0:
		return 0, &Error{"dictionary", "no dictionary", "one"}
	case fhd&8 != 0:
		return 0, &Error{"frame", "no reserved bit", "one"}
	case fhd&4 == 0:
		return 0, &Error{"checksum", "a checksum", "none"}
	}
	if !single {
		at++
	}
	var size uint64
	width := [4]int{0, 2, 4, 8}[fhd>>6]
	if width == 0 && single {
		width = 1
	}
	if len(b) < at+width {
		return 0, &Error{"truncated", "a frame header", fmt.Sprintf("%d bytes", len(b))}
	}
	switch width {
	case 0:
		return 0, &Error{"content-size", "a content size", "none"}
	case 1:
		size = uint64(b[at])
	case 2:
		size = uint64(le.Uint16(b[at:])) + 256
	case 4:
		size = uint64(le.Uint32(b[at:]))
	case 8:
		size = le.Uint64(b[at:])
	}
	at += width
	for {
		if len(b) < at+3 {
			return 0, &Error{"truncated", "a block header", fmt.Sprintf("the end after %d bytes", len(b))}
		}
		h := uint32(b[at]) | uint32(b[at+1])<<8 | uint32(b[at+2])<<16
		n := int(h >> 3)
		switch h >> 1 & 3 {
		case 1:
			n = 1
		case 3:
			return 0, &Error{"frame", "a block type", "the reserved one"}
		}
		at += 3 + n
		if at > len(b) {
			return 0, &Error{"truncated", "a whole block", fmt.Sprintf("the end after %d bytes", len(b))}
		}
		if h&1 == 1 {
			break
		}
	}
	if rest := len(b) - at; rest < 4 {
		return 0, &Error{"truncated", "a checksum", fmt.Sprintf("%d bytes", rest)}
	} else if rest > 4 {
		return 0, &Error{"frames", "one frame", fmt.Sprintf("%d bytes behind it", rest-4)}
	}
	return size, nil
}
