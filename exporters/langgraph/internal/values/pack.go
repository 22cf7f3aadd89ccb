package values

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// packJSON appends a JSON value as msgpack. Integers beyond 64 bits become floats, as msgpack
// has no others.
func packJSON(dst []byte, v val) []byte {
	switch v.kind() {
	case kNil:
		return append(dst, 0xc0)
	case kBool:
		if v.b[0] == 't' {
			return append(dst, 0xc3)
		}
		return append(dst, 0xc2)
	case kNumber:
		return packNum(dst, string(v.b))
	case kString:
		s, ok := v.text()
		if !ok {
			s = strings.ToValidUTF8(s, "?")
		}
		return packString(dst, s)
	case kArray:
		var parts []byte
		n := 0
		for x := range v.items() {
			parts = packJSON(parts, x)
			n++
		}
		return append(packHeadOf(dst, n, 0x90, 0xdc), parts...)
	}
	var parts []byte
	n := 0
	for f := range v.fields() {
		parts = packJSON(packJSON(parts, f.key), f.value)
		n++
	}
	return append(packMapHead(dst, n), parts...)
}

func packMapHead(dst []byte, n int) []byte { return packHeadOf(dst, n, 0x80, 0xde) }

// packHeadOf is the shortest head of an array or map of n, as the runtime's encoder writes it.
func packHeadOf(dst []byte, n int, fix, wide byte) []byte {
	switch {
	case n < 16:
		return append(dst, fix|byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, wide), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, wide+1), uint32(n))
}

func packString(dst []byte, s string) []byte {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "?")
	}
	if len(s) < 32 {
		return append(append(dst, 0xa0|byte(len(s))), s...)
	}
	return append(packLen(dst, len(s), 0xd9), s...)
}

func packBin(dst, b []byte) []byte { return append(packLen(dst, len(b), 0xc4), b...) }

func packLen(dst []byte, n int, first byte) []byte {
	switch {
	case n < 1<<8:
		return append(dst, first, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, first+1), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, first+2), uint32(n))
}

func packNum(dst []byte, s string) []byte {
	if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		switch {
		case u < 0x80:
			return append(dst, byte(u))
		case u < 1<<8:
			return append(dst, 0xcc, byte(u))
		case u < 1<<16:
			return binary.BigEndian.AppendUint16(append(dst, 0xcd), uint16(u))
		case u < 1<<32:
			return binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(u))
		}
		return binary.BigEndian.AppendUint64(append(dst, 0xcf), u)
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		switch {
		case i >= -32:
			return append(dst, byte(i))
		case i >= math.MinInt8:
			return append(dst, 0xd0, byte(i))
		case i >= math.MinInt16:
			return binary.BigEndian.AppendUint16(append(dst, 0xd1), uint16(i))
		case i >= math.MinInt32:
			return binary.BigEndian.AppendUint32(append(dst, 0xd2), uint32(i))
		}
		return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(i))
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) {
		return append(dst, 0xc0)
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(f))
}
