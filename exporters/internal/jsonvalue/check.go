package jsonvalue

// maxDepth is how deep encoding/json goes.
const maxDepth = 10000

// check is the place behind the value at i; -1: it is not JSON.
func check(b []byte, i, depth int) int {
	if i >= len(b) {
		return -1
	}
	switch c := b[i]; c {
	case '"':
		return String(b, i)
	case '{', '[':
		if depth == maxDepth {
			return -1
		}
		return checkMany(b, i, depth+1, c+2, nil)
	case 't':
		return word(b, i, "true")
	case 'f':
		return word(b, i, "false")
	case 'n':
		return word(b, i, "null")
	}
	return checkNumber(b, i)
}

// checkMany is the place behind the object or list at i, which ends with the byte end. fn, if there is
// one, is given the members of an object.
func checkMany(b []byte, i, depth int, end byte, fn func(name []byte, v Value)) int {
	if i = space(b, i+1); i < len(b) && b[i] == end {
		return i + 1
	}
	for {
		var name []byte
		if end == '}' {
			if i >= len(b) || b[i] != '"' {
				return -1
			}
			at := i
			if i = String(b, i); i < 0 {
				return -1
			}
			name = b[at:i]
			if i = space(b, i); i >= len(b) || b[i] != ':' {
				return -1
			}
			i = space(b, i+1)
		}
		at := i
		if i = check(b, i, depth); i < 0 {
			return -1
		}
		if fn != nil {
			fn(nameOf(name), b[at:i:i])
		}
		if i = space(b, i); i >= len(b) {
			return -1
		}
		switch b[i] {
		case end:
			return i + 1
		case ',':
			i = space(b, i+1)
		default:
			return -1
		}
	}
}

func word(b []byte, i int, w string) int {
	if len(b)-i < len(w) || string(b[i:i+len(w)]) != w {
		return -1
	}
	return i + len(w)
}

// String is the place behind the string whose quote stands at i; -1: it is none.
func String(b []byte, i int) int {
	for i = plain(b, i+1); i < len(b); i = plain(b, i) {
		switch {
		case b[i] == '"':
			return i + 1
		case b[i] != '\\' || i+1 >= len(b):
			return -1
		}
		switch b[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		case 'u':
			if len(b)-i < 6 {
				return -1
			}
			for _, c := range b[i+2 : i+6] {
				if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
					return -1
				}
			}
			i += 6
		default:
			return -1
		}
	}
	return -1
}

func checkNumber(b []byte, i int) int {
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if !digits() {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		if i++; !digits() {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return -1
		}
	}
	return i
}
