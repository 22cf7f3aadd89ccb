package responses

import (
	"bytes"
	"encoding/json"
)

// members are the members of the object raw, which must be valid JSON; nil: it is no object. It is
// json.Unmarshal into a map, which looks at each byte several times.
func members(raw []byte) Object {
	i := skipSpace(raw, 0)
	if i >= len(raw) || raw[i] != '{' {
		return nil
	}
	o := make(Object, 4)
	for i = skipSpace(raw, i+1); i < len(raw) && raw[i] != '}'; i = skipSpace(raw, i) {
		if raw[i] == ',' {
			i++
			continue
		}
		end := skipString(raw, i)
		key := raw[i+1 : end-1]
		name := string(key)
		if bytes.IndexByte(key, '\\') >= 0 || !ascii(key) {
			json.Unmarshal(raw[i:end], &name)
		}
		i = skipSpace(raw, skipSpace(raw, end)+1)
		end = skipValue(raw, i)
		o[name] = raw[i:end:end]
		i = end
	}
	return o
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// skipString is the place behind the string that begins at i.
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return len(b)
		}
		e := bytes.IndexByte(b[i:i+n], '\\')
		if e < 0 {
			return i + n + 1
		}
		i += e + 1
	}
	return len(b)
}

// skipValue is the place behind the value that begins at i.
func skipValue(b []byte, i int) int {
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
			for i < len(b) && !bytes.ContainsRune([]byte(",:]} \t\n\r"), rune(b[i])) {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return len(b)
}
