package responses

import (
	"cmp"

	"github.com/exitramp/exitramp/context/agentstate"
)

// keptString is how much of a long string Shorten keeps: more than a record holds, also where each
// character is escaped.
const keptString = 7 * (agentstate.SpillSize + 1)

// Shorten cuts what goes beyond a record out of the strings of a JSON text, so that a text of any
// length is read in little memory: Read says of such a string that it is too long. A text without
// long strings comes back as it is.
func Shorten(b []byte) []byte {
	if len(b) <= keptString {
		return b
	}
	var s Shortener
	s.Write(b)
	return s.Bytes()
}

// A Shortener is Shorten for a text that comes in pieces.
type Shortener struct {
	Keep int // bytes of a long string that stay; 0: more than a record holds

	out    []byte
	quoted bool
	escape bool // the last byte was the backslash of an escape
	digits int  // that are still to come of \uXXXX
	kept   int  // bytes of the string under way
	cut    bool // the rest of it is left out
}

// Write takes the next piece.
func (s *Shortener) Write(p []byte) (int, error) {
	keep := cmp.Or(s.Keep, keptString)
	for _, c := range p {
		if !s.quoted {
			s.quoted = c == '"'
			s.kept, s.cut = 0, false
			s.out = append(s.out, c)
			continue
		}
		whole := !s.escape && s.digits == 0 && c&0xc0 != 0x80 // no escape or character is under way
		switch {
		case s.escape:
			s.escape = false
			if c == 'u' {
				s.digits = 4
			}
		case s.digits > 0:
			s.digits--
		case c == '\\':
			s.escape = true
		case c == '"':
			s.quoted = false
		}
		if whole && s.kept >= keep {
			s.cut = true
		}
		if !s.cut || !s.quoted {
			s.out = append(s.out, c)
			s.kept++
		}
	}
	return len(p), nil
}

// Bytes is the text so far, without what was cut.
func (s *Shortener) Bytes() []byte { return s.out }
