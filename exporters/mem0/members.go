package mem0

// A member is one of a payload, in its order.
type member struct {
	name string
	raw  []byte
}

// members are those of the object raw; nil: it is no JSON object.
func members(raw []byte) []member { return new(scanner).members(raw) }

// A scanner takes payloads apart, one a row: room and names of the one before are used again.
type scanner struct {
	out   []member
	names map[string]string
}

// name is the text of a member's name.
func (s *scanner) name(raw []byte) string {
	if n, ok := s.names[string(raw)]; ok {
		return n
	}
	n := textOf(raw)
	if s.names == nil {
		s.names = map[string]string{}
	}
	if len(s.names) < 256 && len(raw) < 64 {
		s.names[string(raw)] = n
	}
	return n
}

// members are valid until the next call. One pass finds them and sees that the whole is JSON.
func (s *scanner) members(raw []byte) []member {
	i := space(raw, 0)
	if i >= len(raw) || raw[i] != '{' {
		return nil
	}
	if s.out == nil {
		s.out = make([]member, 0, 12)
	}
	out := s.out[:0]
	defer func() { s.out = out[:0] }()
	if i = space(raw, i+1); i < len(raw) && raw[i] == '}' {
		if space(raw, i+1) == len(raw) {
			return out
		}
		return nil
	}
	for i < len(raw) && raw[i] == '"' {
		end := text(raw, i)
		colon := space(raw, end)
		if end < 0 || colon >= len(raw) || raw[colon] != ':' {
			return nil
		}
		at := space(raw, colon+1)
		stop := value(raw, at, 1)
		if stop < 0 {
			return nil
		}
		out = append(out, member{s.name(raw[i:end]), raw[at:stop:stop]})
		switch i = space(raw, stop); {
		case i >= len(raw):
			return nil
		case raw[i] == '}':
			if space(raw, i+1) == len(raw) {
				return out
			}
			return nil
		case raw[i] != ',':
			return nil
		}
		i = space(raw, i+1)
	}
	return nil
}

// space is the place behind the white space at i.
func space(b []byte, i int) int {
	for i >= 0 && i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// text is the place behind the string that begins at i; -1: it is none.
func text(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1
		case c < ' ':
			return -1
		case c != '\\':
			continue
		}
		if i++; i >= len(b) {
			return -1
		}
		switch b[i] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			for range 4 {
				if i++; i >= len(b) || !isHex(b[i]) {
					return -1
				}
			}
		default:
			return -1
		}
	}
	return -1
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// maxDepth is how deep values may lie in one another, as encoding/json has it.
const maxDepth = 10_000

// value is the place behind the value that begins at i; -1: it is none.
func value(b []byte, i, depth int) int {
	if i < 0 || i >= len(b) || depth > maxDepth {
		return -1
	}
	switch b[i] {
	case '"':
		return text(b, i)
	case '{', '[':
		return values(b, i, depth)
	case 't':
		return literal(b, i, "true")
	case 'f':
		return literal(b, i, "false")
	case 'n':
		return literal(b, i, "null")
	}
	return numeral(b, i)
}

// values is value for objects and lists.
func values(b []byte, i, depth int) int {
	object, end := b[i] == '{', b[i]+2
	if i = space(b, i+1); i < len(b) && b[i] == end {
		return i + 1
	}
	for i < len(b) {
		if object {
			if b[i] != '"' {
				return -1
			}
			if i = space(b, text(b, i)); i < 0 || i >= len(b) || b[i] != ':' {
				return -1
			}
			i = space(b, i+1)
		}
		if i = space(b, value(b, i, depth+1)); i < 0 || i >= len(b) {
			return -1
		}
		if b[i] == end {
			return i + 1
		}
		if b[i] != ',' {
			return -1
		}
		i = space(b, i+1)
	}
	return -1
}

func literal(b []byte, i int, word string) int {
	if len(b)-i >= len(word) && string(b[i:i+len(word)]) == word {
		return i + len(word)
	}
	return -1
}

func numeral(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	first := i
	if i = digits(b, i); i == first || b[first] == '0' && i > first+1 {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		first = i + 1
		if i = digits(b, first); i == first {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		first = i
		if i = digits(b, i); i == first {
			return -1
		}
	}
	return i
}

func digits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}
