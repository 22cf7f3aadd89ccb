// Package record makes records of their bytes, and measures records, several times as fast as
// package proto: it knows the fields, makes neighbours in one piece, and lets text and bytes
// share one buffer. It takes only what a canonical encoder writes, and text that is UTF-8; all
// else it leaves to package proto, which is the oracle of its tests.
package record

import (
	"encoding/binary"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

//go:generate go run ./gen

// A Decoder decodes one record after another. It is for one goroutine. The zero value is ready.
type Decoder struct {
	Blobs []*pb.Blob // those of the last record, in order

	next  *pb.Meta         // of the record that is being made, which it is one piece with
	texts []pb.Column_Text // of the same record, to be used
}

// text is a column's value.
func (d *Decoder) text(v []byte) *pb.Column_Text {
	if len(d.texts) == 0 {
		d.texts = make([]pb.Column_Text, 6)
	}
	t := &d.texts[0]
	d.texts, t.Text = d.texts[1:], v
	return t
}

// A Measure measures one record after another before they are marshalled, and checks their text
// on the way. It does not see unknown fields: where there are some, more bytes come out than it
// says. It is for one goroutine. The zero value is ready.
type Measure struct {
	Blobs []*pb.Blob // those of the last record, in order
}

// delimited is the size of n bytes and of their length before them.
func delimited(n int) int { return protowire.SizeVarint(uint64(n)) + n }

// chunk is the length-delimited value at the start of b and what follows it; nil where there is
// none.
func chunk(b []byte) (v, rest []byte) {
	size, b := varint(b)
	if size > uint64(len(b)) || b == nil {
		return nil, nil
	}
	return b[:size:size], b[size:]
}

// varint is the varint at the start of b and what follows it; rest is nil where there is none.
func varint(b []byte) (x uint64, rest []byte) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:]
	}
	return long(b)
}

// long is varint for more than one byte.
func long(b []byte) (x uint64, rest []byte) {
	x, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil
	}
	return x, b[n:]
}

// fixed64 is varint for eight bytes.
func fixed64(b []byte) (x uint64, rest []byte) {
	if len(b) < 8 {
		return 0, nil
	}
	return binary.LittleEndian.Uint64(b), b[8:]
}

func zigzag(x uint64) int64 { return int64(x>>1) ^ -int64(x&1) }

// valid tells whether v is there and UTF-8.
func valid(v []byte) bool { return v != nil && utf8.Valid(v) }

// text is v as a string that shares its memory. No two fields share bytes, and those of the
// record are its own, so that nobody can change the string.
func text(v []byte) string { return unsafe.String(unsafe.SliceData(v), len(v)) }

// count is the number of elements of a list: b is behind the tag of the first one, and those
// that follow it have the same tag of one byte.
func count(b []byte, tag byte) int {
	for n := 1; ; n++ {
		v, rest := chunk(b)
		if v == nil {
			return 0
		}
		if len(rest) == 0 || rest[0] != tag {
			return n
		}
		b = rest[1:]
	}
}
