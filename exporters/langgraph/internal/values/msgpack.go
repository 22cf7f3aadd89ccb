package values

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"
)

// packHead reads the header at b[at]: where the body starts, the length of the body in bytes,
// and how many values follow as children.
func packHead(b []byte, at int) (body, size, children int, err error) {
	short := func() (int, int, int, error) {
		return 0, 0, 0, fmt.Errorf("%w: msgpack ends at byte %d", ErrValue, len(b))
	}
	if at >= len(b) {
		return short()
	}
	c := b[at]
	at++
	num := func(n int) (int, bool) {
		if len(b)-at < n {
			return 0, false
		}
		var x uint64
		for _, d := range b[at : at+n] {
			x = x<<8 | uint64(d)
		}
		at += n
		return int(x), x <= math.MaxInt32
	}
	switch {
	case c < 0x80 || c >= 0xe0: // fixint
		return at, 0, 0, nil
	case c < 0x90: // fixmap
		return at, 0, 2 * int(c&15), nil
	case c < 0xa0: // fixarray
		return at, 0, int(c & 15), nil
	case c < 0xc0: // fixstr
		return check(b, at, int(c&31), 0)
	}
	switch c {
	case 0xc0, 0xc2, 0xc3:
		return at, 0, 0, nil
	case 0xc4, 0xc5, 0xc6, 0xd9, 0xda, 0xdb: // bin, str
		width := 1 << ((c - 0xc4) % 3)
		if c >= 0xd9 {
			width = 1 << (c - 0xd9)
		}
		n, ok := num(width)
		if !ok {
			return short()
		}
		return check(b, at, n, 0)
	case 0xc7, 0xc8, 0xc9: // ext
		n, ok := num(1 << (c - 0xc7))
		if !ok {
			return short()
		}
		return check(b, at, n+1, 0)
	case 0xca, 0xcb: // float
		return check(b, at, 4<<(c-0xca), 0)
	case 0xcc, 0xcd, 0xce, 0xcf: // uint
		return check(b, at, 1<<(c-0xcc), 0)
	case 0xd0, 0xd1, 0xd2, 0xd3: // int
		return check(b, at, 1<<(c-0xd0), 0)
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8: // fixext
		return check(b, at, 1<<(c-0xd4)+1, 0)
	case 0xdc, 0xdd: // array
		n, ok := num(2 << (c - 0xdc))
		if !ok || n > len(b)-at {
			return short()
		}
		return at, 0, n, nil
	case 0xde, 0xdf: // map
		n, ok := num(2 << (c - 0xde))
		if !ok || n > (len(b)-at)/2 {
			return short()
		}
		return at, 0, 2 * n, nil
	}
	return 0, 0, 0, fmt.Errorf("%w: msgpack byte %02x", ErrValue, c)
}

func check(b []byte, body, size, children int) (int, int, int, error) {
	if size > len(b)-body {
		return 0, 0, 0, fmt.Errorf("%w: msgpack ends at byte %d", ErrValue, len(b))
	}
	return body, size, children, nil
}

// skipPack is the end of the value that starts at b[at]. It counts what is left to read
// instead of recursing, so that depth costs nothing.
func skipPack(b []byte, at int) (int, error) {
	for left := 1; left > 0; left-- {
		body, size, children, err := packHead(b, at)
		if err != nil {
			return 0, err
		}
		at = body + size
		left += children
		if left > len(b)-at+1 {
			return 0, fmt.Errorf("%w: msgpack ends at byte %d", ErrValue, len(b))
		}
	}
	return at, nil
}

func packKind(c byte) kind {
	switch {
	case c < 0x80 || c >= 0xe0 || c >= 0xca && c <= 0xd3:
		return kNumber
	case c < 0x90 || c >= 0xde:
		return kMap
	case c < 0xa0 || c >= 0xdc:
		return kArray
	case c < 0xc0 || c >= 0xd9:
		return kString
	case c == 0xc0:
		return kNil
	case c == 0xc2 || c == 0xc3:
		return kBool
	case c >= 0xc4 && c <= 0xc6:
		return kBytes
	}
	return kExt
}

// packCount is the number of elements or entries, and where they start.
func packCount(b []byte) (n, at int) {
	body, _, children, err := packHead(b, 0)
	if err != nil {
		return 0, 0
	}
	if packKind(b[0]) == kMap {
		children /= 2
	}
	return children, body
}

// packBody is the bytes of a string, a bin or a number.
func packBody(b []byte) []byte {
	body, size, _, err := packHead(b, 0)
	if err != nil {
		return nil
	}
	return b[body : body+size]
}

func packText(b []byte) (string, bool) {
	s := packBody(b)
	return string(s), utf8.Valid(s)
}

// packExt is the code and payload of an extension value.
func packExt(b []byte) (int8, []byte) {
	s := packBody(b)
	if len(s) == 0 {
		return 0, nil
	}
	return int8(s[0]), s[1:]
}

// packNumber is a number as JSON has it; NaN and infinities as strings.
func packNumber(b []byte) string {
	c, s := b[0], packBody(b)
	be := binary.BigEndian
	switch {
	case c < 0x80:
		return strconv.Itoa(int(c))
	case c >= 0xe0:
		return strconv.Itoa(int(int8(c)))
	case c == 0xca:
		return float(float64(math.Float32frombits(be.Uint32(s))), 32)
	case c == 0xcb:
		return float(math.Float64frombits(be.Uint64(s)), 64)
	}
	var x uint64
	for _, d := range s {
		x = x<<8 | uint64(d)
	}
	if c <= 0xcf {
		return strconv.FormatUint(x, 10)
	}
	shift := 64 - 8*len(s)
	return strconv.FormatInt(int64(x<<shift)>>shift, 10)
}

func float(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return `"NaN"`
	case math.IsInf(f, 1):
		return `"Infinity"`
	case math.IsInf(f, -1):
		return `"-Infinity"`
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return strconv.FormatFloat(f, 'f', 1, bits) // 1.0 stays a float
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}
