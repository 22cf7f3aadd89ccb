package values

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
)

func space(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\n' || b[at] == '\t' || b[at] == '\r') {
		at++
	}
	return at
}

// maxNesting bounds the stack of brackets that a JSON document opens.
const maxNesting = 1 << 16

// skipJSON is the end of the value that starts at b[at]. It keeps the open brackets on a stack
// of its own. Lone surrogate escapes pass: runtimes write them.
func skipJSON(b []byte, at int) (int, error) {
	bad := func(what string) (int, error) { return 0, fmt.Errorf("%w: JSON: %s at byte %d", ErrValue, what, at) }
	var few [64]byte
	open := few[:0]
	wantKey := false // an object's key comes next
	for {
		at = space(b, at)
		if at >= len(b) {
			return bad("end")
		}
		done := false
		switch c := b[at]; {
		case wantKey:
			if c != '"' {
				return bad("no key")
			}
			end := jsonvalue.String(b, at)
			if end < 0 {
				return bad("open string")
			}
			if at = space(b, end); at >= len(b) || b[at] != ':' {
				return bad("no colon")
			}
			at++
			wantKey = false
			continue
		case c == '{' || c == '[':
			if len(open) >= maxNesting {
				return bad("deeper than the limit")
			}
			at = space(b, at+1)
			if at < len(b) && b[at] == c+2 { // '}' and ']' come two after
				at++
				done = true
				break
			}
			open = append(open, c)
			wantKey = c == '{'
			continue
		case c == '"':
			end := jsonvalue.String(b, at)
			if end < 0 {
				return bad("open string")
			}
			at, done = end, true
		default:
			end := skipScalar(b, at)
			if end < 0 {
				return bad("no value")
			}
			at, done = end, true
		}
		for done {
			if len(open) == 0 {
				return at, nil
			}
			at = space(b, at)
			if at >= len(b) {
				return bad("end")
			}
			top := open[len(open)-1]
			switch b[at] {
			case ',':
				at++
				wantKey = top == '{'
				done = false
			case top + 2:
				at++
				open = open[:len(open)-1]
			default:
				return bad("no comma")
			}
		}
	}
}

// pastJSON is skipJSON for a value that skipJSON has passed before: it looks at brackets and strings
// alone.
func pastJSON(b []byte, at int) int {
	switch b[at] {
	case '"':
		return jsonvalue.String(b, at)
	case '{', '[':
	default:
		return skipScalar(b, at)
	}
	depth := 0
	for {
		switch b[at] {
		case '"':
			at = jsonvalue.String(b, at)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return at + 1
			}
		}
		at++
	}
}

func hex4(b []byte, at int) (rune, bool) {
	if at+4 > len(b) {
		return 0, false
	}
	var r rune
	for _, c := range b[at : at+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// skipScalar is the end of a number or a word; -1 when there is none. Python's json writes NaN
// and Infinity.
func skipScalar(b []byte, at int) int {
	for _, w := range []string{"true", "false", "null", "NaN", "Infinity", "-Infinity"} {
		if len(b)-at >= len(w) && string(b[at:at+len(w)]) == w {
			return at + len(w)
		}
	}
	digits := func() bool {
		start := at
		for at < len(b) && b[at] >= '0' && b[at] <= '9' {
			at++
		}
		return at > start
	}
	if at < len(b) && b[at] == '-' {
		at++
	}
	if !digits() {
		return -1
	}
	if at < len(b) && b[at] == '.' {
		at++
		if !digits() {
			return -1
		}
	}
	if at < len(b) && b[at]|0x20 == 'e' {
		at++
		if at < len(b) && (b[at] == '+' || b[at] == '-') {
			at++
		}
		if !digits() {
			return -1
		}
	}
	return at
}

// jsonText is the string that the token b stands for; false where it has no valid UTF-8 form,
// as with a lone surrogate.
func jsonText(b []byte) (string, bool) {
	b = b[1 : len(b)-1]
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b), utf8.Valid(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			out = append(out, b[i])
			continue
		}
		i++
		switch b[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(b, i+1)
			i += 4
			if utf16.IsSurrogate(r) {
				if i+6 >= len(b) || b[i+1] != '\\' || b[i+2] != 'u' {
					return "", false
				}
				low, _ := hex4(b, i+3)
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					return "", false
				}
				i += 6
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, b[i])
		}
	}
	return string(out), utf8.Valid(out)
}
