package mem0

import (
	"unicode/utf8"

	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
)

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

// name is a member's name as valid text.
func (s *scanner) name(b []byte) string {
	if n, ok := s.names[string(b)]; ok {
		return n
	}
	n := string(b)
	if !utf8.ValidString(n) {
		n = string([]rune(n))
	}
	if s.names == nil {
		s.names = map[string]string{}
	}
	if len(s.names) < 256 && len(b) < 64 {
		s.names[string(b)] = n
	}
	return n
}

// members are valid until the next call.
func (s *scanner) members(raw []byte) []member {
	if s.out == nil {
		s.out = make([]member, 0, 12)
	}
	s.out = s.out[:0]
	v, ok := jsonvalue.Object(raw, func(name []byte, v jsonvalue.Value) { s.out = append(s.out, member{s.name(name), v}) })
	if !ok || !v.IsObject() {
		return nil
	}
	return s.out
}
