// Package jsonscan takes JSON objects and lists apart in one pass. It is what json.Unmarshal into a
// map of RawMessage does, which looks at each byte several times and makes a map.
package jsonscan

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// A Member is one of an object: its name, and its value as it stands in the text.
type Member struct {
	Name string
	Raw  json.RawMessage
}

// An Object is the members of a JSON object, in their order.
type Object []Member

// Get is the first of the members names that is there. Of two equal ones the last counts, as in a map.
func (o Object) Get(names ...string) json.RawMessage {
	for _, n := range names {
		for i := len(o) - 1; i >= 0; i-- {
			if o[i].Name == n {
				return o[i].Raw
			}
		}
	}
	return nil
}

// Parse puts the members of the object raw behind those of into; nil: it is no object. ok is false
// where raw is not JSON. Values alias raw.
func Parse(into Object, raw []byte) (_ Object, ok bool) {
	i := skipSpace(raw, 0)
	if i == len(raw) || raw[i] != '{' {
		end, ok := value(raw, i, 0)
		return nil, ok && skipSpace(raw, end) == len(raw)
	}
	if into == nil {
		into = Object{}
	}
	end, ok := container(raw, i, 1, func(name, val []byte) {
		n, ok := known(name)
		if !ok {
			n = string(name[1 : len(name)-1])
		}
		if strings.IndexByte(n, '\\') >= 0 || !utf8.ValidString(n) {
			json.Unmarshal(name, &n)
		}
		into = append(into, Member{n, val})
	})
	return into, ok && skipSpace(raw, end) == len(raw)
}

// List calls fn for each value of the list raw, which aliases raw. It is false where raw is no list.
func List(raw []byte, fn func(val json.RawMessage)) bool {
	i := skipSpace(raw, 0)
	if i == len(raw) || raw[i] != '[' {
		return false
	}
	end, ok := container(raw, i, 1, func(_, val []byte) { fn(val) })
	return ok && skipSpace(raw, end) == len(raw)
}

// Text is the string raw, with what no text can hold replaced, as json does.
func Text(raw []byte) (s string, ok bool) {
	n := len(raw) - 1
	if n < 1 || raw[0] != '"' || raw[n] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1:n]), true
	}
	return s, json.Unmarshal(raw, &s) == nil
}

// known are names that need no memory.
func known(quoted []byte) (string, bool) {
	for _, n := range [...]string{"type", "role", "content", "id", "text", "call_id", "name", "arguments", "output", "status",
		"entityType", "observations", "from", "to", "relationType"} {
		if string(quoted[1:len(quoted)-1]) == n {
			return n, true
		}
	}
	return "", false
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// maxDepth is how deep json goes.
const maxDepth = 10_000

// value is the place behind the value at i; false: it is not JSON.
func value(b []byte, i, depth int) (int, bool) {
	if i >= len(b) {
		return i, false
	}
	switch c := b[i]; {
	case c == '"':
		return quoted(b, i)
	case c == '{' || c == '[':
		return container(b, i, depth+1, nil)
	case c == '-' || c >= '0' && c <= '9':
		return number(b, i)
	}
	for _, w := range [...]string{"true", "false", "null"} {
		if len(b)-i >= len(w) && string(b[i:i+len(w)]) == w {
			return i + len(w), true
		}
	}
	return i, false
}

// container is the place behind the object or list at i. fn, if any, is given its members.
func container(b []byte, i, depth int, fn func(name, val []byte)) (int, bool) {
	if depth > maxDepth {
		return i, false
	}
	end := b[i] + 2 // } and ] stand two behind { and [
	isObject := b[i] == '{'
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == end {
		return i + 1, true
	}
	for ok := true; ; i = skipSpace(b, i+1) {
		var name []byte
		if isObject {
			at := i
			if i >= len(b) || b[i] != '"' {
				return i, false
			}
			if i, ok = quoted(b, i); !ok {
				return i, false
			}
			name = b[at:i]
			if i = skipSpace(b, i); i >= len(b) || b[i] != ':' {
				return i, false
			}
			i = skipSpace(b, i+1)
		}
		at := i
		if i, ok = value(b, i, depth); !ok {
			return i, false
		}
		if fn != nil {
			fn(name, b[at:i:i])
		}
		if i = skipSpace(b, i); i >= len(b) {
			return i, false
		}
		if b[i] == end {
			return i + 1, true
		}
		if b[i] != ',' {
			return i, false
		}
	}
}

// quoted is the place behind the string at i.
func quoted(b []byte, i int) (int, bool) {
	for i++; i < len(b); i++ {
		for ; i+8 <= len(b) && plain(binary.LittleEndian.Uint64(b[i:])); i += 8 {
		}
		if i == len(b) {
			break
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, true
		case c < ' ':
			return i, false
		case c != '\\':
		case i+1 >= len(b):
			return i, false
		case b[i+1] == 'u':
			if i+6 > len(b) || !hexDigits(b[i+2:i+6]) {
				return i, false
			}
			i += 5
		case bytes.IndexByte([]byte(`"\/bfnrt`), b[i+1]) < 0:
			return i, false
		default:
			i++
		}
	}
	return i, false
}

// plain tells whether none of the eight bytes is a quote, a backslash or below a space.
func plain(x uint64) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, slash := x^('"'*ones), x^('\\'*ones)
	return ((x-' '*ones)&^x|(quote-ones)&^quote|(slash-ones)&^slash)&high == 0
}

func hexDigits(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// number is the place behind the number at i.
func number(b []byte, i int) (int, bool) {
	digits := func() bool {
		at := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > at
	}
	if b[i] == '-' {
		i++
	}
	at := i
	if !digits() || b[at] == '0' && i > at+1 {
		return i, false
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			return i, false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return i, false
		}
	}
	return i, true
}
