// Package values reads what LangGraph serialises, as data: msgpack with LangGraph's extension
// codes (Python) and JSON with LangChain's constructor objects (JavaScript). Nothing is
// constructed and nothing is executed. A value is a stretch of bytes; its parts are found by
// walking, so that memory is bounded by what is asked for.
package values

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// ErrValue is bytes that are not a value of their serializer.
var ErrValue = errors.New("values: not a value of its serializer")

// maxDepth is the nesting that rendering and mapping follow. Walking itself needs no stack.
const maxDepth = 128

// IsEncrypted tells whether a serializer's bytes are sealed: "msgpack+aes" and its like.
func IsEncrypted(serializer string) bool { return strings.Contains(serializer, "+") }

type kind int

const (
	kNil kind = iota
	kBool
	kNumber
	kString
	kBytes
	kArray
	kMap
	kExt
)

// val is one value: all of b and nothing else.
type val struct {
	b    []byte
	pack bool // msgpack; else JSON
}

// parse checks that b is one value of serializer.
func parse(serializer string, b []byte) (val, error) {
	v := val{b: b}
	var end int
	var err error
	switch serializer {
	case "msgpack":
		v.pack = true
		end, err = skipPack(b, 0)
		if err == nil && end != len(b) {
			err = fmt.Errorf("%w: %d bytes behind it", ErrValue, len(b)-end)
		}
	case "json":
		at := space(b, 0)
		if end, err = skipJSON(b, at); err == nil {
			if rest := space(b, end); rest != len(b) {
				err = fmt.Errorf("%w: %d bytes behind it", ErrValue, len(b)-rest)
			}
			v.b = b[at:end]
		}
	default:
		return v, fmt.Errorf("%w: serializer %q", ErrValue, serializer)
	}
	return v, err
}

func (v val) kind() kind {
	if v.pack {
		return packKind(v.b[0])
	}
	switch v.b[0] {
	case '{':
		return kMap
	case '[':
		return kArray
	case '"':
		return kString
	case 't', 'f':
		return kBool
	case 'n':
		return kNil
	}
	return kNumber
}

// items are the elements of an array.
func (v val) items() iter.Seq[val] {
	return func(yield func(val) bool) {
		if v.kind() != kArray {
			return
		}
		if v.pack {
			n, at := packCount(v.b)
			for range n {
				end, err := skipPack(v.b, at)
				if err != nil || !yield(val{v.b[at:end], true}) {
					return
				}
				at = end
			}
			return
		}
		for at := space(v.b, 1); v.b[at] != ']'; {
			end := pastJSON(v.b, at)
			if !yield(val{v.b[at:end], false}) {
				return
			}
			if at = space(v.b, end); v.b[at] == ',' {
				at = space(v.b, at+1)
			}
		}
	}
}

// field is one entry of a map. at is the offset of value in the map's bytes.
type field struct {
	key, value val
	at         int
}

// fields are the entries of a map, in order.
func (v val) fields() iter.Seq[field] {
	return func(yield func(field) bool) {
		if v.kind() != kMap {
			return
		}
		if v.pack {
			n, at := packCount(v.b)
			for range n {
				mid, err := skipPack(v.b, at)
				if err != nil {
					return
				}
				end, err := skipPack(v.b, mid)
				if err != nil || !yield(field{val{v.b[at:mid], true}, val{v.b[mid:end], true}, mid}) {
					return
				}
				at = end
			}
			return
		}
		for at := space(v.b, 1); v.b[at] != '}'; {
			mid := pastJSON(v.b, at)
			start := space(v.b, space(v.b, mid)+1) // past the colon
			end := pastJSON(v.b, start)
			if !yield(field{val{v.b[at:mid], false}, val{v.b[start:end], false}, start}) {
				return
			}
			if at = space(v.b, end); v.b[at] == ',' {
				at = space(v.b, at+1)
			}
		}
	}
}

// is tells whether the key is the text name, which needs no escapes.
func (f field) is(name string) bool {
	if !f.key.pack && f.key.kind() == kString && bytes.IndexByte(f.key.b, '\\') < 0 {
		return string(f.key.b[1:len(f.key.b)-1]) == name
	}
	k, ok := f.key.text()
	return ok && k == name
}

// get is the last value under a text key, as decoders keep it.
func (v val) get(name string) (val, bool) {
	var out val
	ok := false
	for f := range v.fields() {
		if f.is(name) {
			out, ok = f.value, true
		}
	}
	return out, ok
}

// str is the text under name, "" when there is none.
func (v val) str(name string) string {
	f, ok := v.get(name)
	if !ok {
		return ""
	}
	s, _ := f.text()
	return s
}

// A table is the entries of a map, for more than one look.
type table struct {
	of     val
	fields []field
}

// table puts the entries of v into the memory of few.
func (v val) table(few []field) table {
	t := table{v, few[:0]}
	for f := range v.fields() {
		t.fields = append(t.fields, f)
	}
	return t
}

func (t table) get(name string) (val, bool) {
	for i := len(t.fields) - 1; i >= 0; i-- {
		if t.fields[i].is(name) {
			return t.fields[i].value, true
		}
	}
	return val{}, false
}

func (t table) str(name string) string {
	f, ok := t.get(name)
	if !ok {
		return ""
	}
	s, _ := f.text()
	return s
}

func (t table) field(name string) val {
	if f, ok := t.get(name); ok {
		return f
	}
	return t.of.null()
}

// yes tells whether v is true.
func (v val) yes() bool { return v.pack && v.b[0] == 0xc3 || !v.pack && v.b[0] == 't' }

// text is a string that is valid UTF-8.
func (v val) text() (string, bool) {
	if v.kind() != kString {
		return "", false
	}
	if v.pack {
		return packText(v.b)
	}
	return jsonText(v.b)
}
