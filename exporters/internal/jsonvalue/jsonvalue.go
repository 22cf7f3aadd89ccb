// Package jsonvalue reads what is needed of a JSON document and leaves the rest: a document is
// checked once, as encoding/json checks it, and its members are then found without building a value
// of each. Drivers use it for stores of many lines, of which they map a few members.
package jsonvalue

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A Value is one JSON value without space around it, in a document that was checked; empty: there is
// none. It shares the document's bytes.
type Value []byte

// Parse checks b. It is false for what encoding/json takes for no JSON.
func Parse(b []byte) (Value, bool) {
	from := space(b, 0)
	end := check(b, from, 0)
	if end < 0 || space(b, end) != len(b) {
		return nil, false
	}
	return Value(b[from:end:end]), true
}

// Object is Parse and Members in one. Where it is false, fn may have been called for what stands before
// the error.
func Object(b []byte, fn func(name []byte, v Value)) (Value, bool) {
	from := space(b, 0)
	if from == len(b) || b[from] != '{' {
		return Parse(b)
	}
	end := checkMany(b, from, 1, '}', fn)
	if end < 0 || space(b, end) != len(b) {
		return nil, false
	}
	return Value(b[from:end:end]), true
}

// Next is the value that b begins with, and what stands behind it. It is false for what Parse would find an error in.
func Next(b []byte) (v Value, rest []byte, ok bool) {
	from := space(b, 0)
	end := check(b, from, 0)
	if end < 0 {
		return nil, nil, false
	}
	return Value(b[from:end:end]), b[space(b, end):], true
}

// nameOf is what stands in the quotes of a name.
func nameOf(quoted []byte) []byte {
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		name = []byte(Value(quoted).Text())
	}
	return name
}

// Members calls fn for each member of an object, in order, and for none of what is no object. Of a
// name that stands there twice, encoding/json takes the last.
func (v Value) Members(fn func(name []byte, v Value)) {
	v.Pairs(func(name, x Value) { fn(nameOf(name), x) })
}

// Pairs is Members with the names as they stand, in their quotes: half characters have no other form.
func (v Value) Pairs(fn func(name, v Value)) {
	if !v.IsObject() {
		return
	}
	for i := space(v, 1); i < len(v) && v[i] == '"'; {
		end := skipString(v, i)
		name := v[i:end:end]
		i = space(v, space(v, end)+1)
		end = skip(v, i)
		fn(name, v[i:end:end])
		if i = space(v, end); i < len(v) && v[i] == ',' {
			i = space(v, i+1)
		}
	}
}

// Elements calls fn for each element of a list, and for none of what is no list.
func (v Value) Elements(fn func(v Value)) {
	if !v.IsList() {
		return
	}
	for i := space(v, 1); i < len(v) && v[i] != ']'; {
		end := skip(v, i)
		fn(v[i:end:end])
		if i = space(v, end); i < len(v) && v[i] == ',' {
			i = space(v, i+1)
		}
	}
}

// Get is the last member of this name; empty: there is none.
func (v Value) Get(name string) Value {
	var out Value
	v.Members(func(n []byte, x Value) {
		if string(n) == name {
			out = x
		}
	})
	return out
}

// IsObject tells whether v is an object.
func (v Value) IsObject() bool { return len(v) > 0 && v[0] == '{' }

// IsList tells whether v is a list.
func (v Value) IsList() bool { return len(v) > 0 && v[0] == '[' }

// IsText tells whether v is a string.
func (v Value) IsText() bool { return len(v) > 0 && v[0] == '"' }

// Is tells whether v is the text s. It needs no memory where v has no escapes.
func (v Value) Is(s string) bool {
	return v.IsText() && (string(v[1:len(v)-1]) == s || bytes.IndexByte(v, '\\') >= 0 && v.Text() == s)
}

// IsNull tells whether v is null, or not there.
func (v Value) IsNull() bool { return len(v) == 0 || v[0] == 'n' }

// Text is the string v as valid UTF-8; empty for what is no string. What no text can hold, lone
// surrogates among it, stands there as U+FFFD.
func (v Value) Text() string {
	if !v.IsText() {
		return ""
	}
	in := v[1 : len(v)-1]
	if bytes.IndexByte(in, '\\') < 0 {
		return text(string(in))
	}
	var out strings.Builder
	out.Grow(len(in))
	for len(in) > 0 {
		n := bytes.IndexByte(in, '\\')
		if n < 0 {
			n = len(in)
		}
		out.Write(in[:n])
		if in = in[n:]; len(in) > 0 {
			in = escape(&out, in)
		}
	}
	return text(out.String())
}

// Exact tells whether Text says all that the string v does: no half of a surrogate pair is in it, and no byte of no
// character.
func (v Value) Exact() bool {
	if !v.IsText() || !utf8.Valid(v) {
		return false
	}
	for in := v[1 : len(v)-1]; ; {
		n := bytes.IndexByte(in, '\\')
		if n < 0 {
			return true
		}
		in = in[n:]
		r := unit(in)
		if r < 0 {
			in = in[2:]
			continue
		}
		if in = in[6:]; utf16.IsSurrogate(r) {
			if utf16.DecodeRune(r, unit(in)) == utf8.RuneError {
				return false
			}
			in = in[6:]
		}
	}
}

// text is s with U+FFFD for each byte that is none of a character, as encoding/json has it.
func text(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// escape writes what the escape at the start of in stands for, and gives what follows it.
func escape(out *strings.Builder, in []byte) []byte {
	switch c := in[1]; c {
	case 'b':
		out.WriteByte('\b')
	case 'f':
		out.WriteByte('\f')
	case 'n':
		out.WriteByte('\n')
	case 'r':
		out.WriteByte('\r')
	case 't':
		out.WriteByte('\t')
	case 'u':
		r := unit(in)
		if in = in[6:]; utf16.IsSurrogate(r) {
			if both := utf16.DecodeRune(r, unit(in)); both != utf8.RuneError {
				r, in = both, in[6:]
			}
		}
		out.WriteRune(r) // a lone surrogate is written as U+FFFD
		return in
	default: // the byte itself
		out.WriteByte(c)
	}
	return in[2:]
}

// unit is the number of the escape \u at the start of in; -1: there is none.
func unit(in []byte) rune {
	if len(in) < 6 || in[0] != '\\' || in[1] != 'u' {
		return -1
	}
	r := rune(0)
	for _, c := range in[2:6] {
		switch {
		case c >= 'a':
			c = c - 'a' + 10
		case c >= 'A':
			c = c - 'A' + 10
		default:
			c -= '0'
		}
		r = r<<4 | rune(c)
	}
	return r
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain is the place of the first byte from i on that is a quote, a backslash or a control
// character; len(b): there is none.
func plain(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		q, e := x^(ones*'"'), x^(ones*'\\')
		hit := ((x-ones*0x20)&^x | (q-ones)&^q | (e-ones)&^e) & highs
		if hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= 0x20 {
		i++
	}
	return i
}

// skipString is the place behind the string at i, which was checked.
func skipString(b []byte, i int) int {
	for i = plain(b, i+1); i < len(b); i = plain(b, i) {
		if b[i] == '"' {
			return i + 1
		}
		i = min(i+2, len(b))
	}
	return len(b)
}

// skip is the place behind the value at i, which was checked.
func skip(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			i = skipString(b, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\n', '\r':
			i++
			continue
		default:
			i = scalar(b, i)
		}
		if depth <= 0 {
			return i
		}
	}
	return len(b)
}

// scalar is the place behind the number or word at i.
func scalar(b []byte, i int) int {
	for i < len(b) && b[i] != ',' && b[i] != ']' && b[i] != '}' && b[i] > ' ' && b[i] != ':' && b[i] != '"' && b[i] != '[' && b[i] != '{' {
		i++
	}
	return i
}
