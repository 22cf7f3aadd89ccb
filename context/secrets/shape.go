package secrets

import (
	"math/bits"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// set is a set of bytes.
type set [4]uint64

func (s *set) add(c byte)      { s[c>>6] |= 1 << (c & 63) }
func (s *set) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }
func (s *set) len() (n int) {
	for _, x := range s {
		n += bits.OnesCount64(x)
	}
	return n
}
func (s *set) join(o set) {
	for i := range s {
		s[i] |= o[i]
	}
}

// maxLead is how many bytes of a match are looked at before its expression is run.
const maxLead = 20

// lead is what the first bytes of every match of re are among. exact tells that they are the whole
// match.
func lead(re *syntax.Regexp) (out []set, exact bool) {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return nil, true
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			if r >= utf8.RuneSelf {
				return out, false
			}
			var s set
			s.add(byte(r))
			if re.Flags&syntax.FoldCase != 0 {
				s.join(folded(byte(r)))
			}
			out = append(out, s)
		}
		return out, true
	case syntax.OpCharClass:
		var s set
		exact = true
		for i := 0; i < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1] && r < utf8.RuneSelf; r++ {
				s.add(byte(r))
			}
			if re.Rune[i+1] >= utf8.RuneSelf && !folds(re.Rune[i], re.Rune[i+1]) {
				s[2], s[3], exact = ^uint64(0), ^uint64(0), false
			}
		}
		return []set{s}, exact
	case syntax.OpCapture:
		return lead(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			more, exact := lead(sub)
			if out = append(out, more...); !exact || len(out) > maxLead {
				return out, false
			}
		}
		return out, true
	case syntax.OpAlternate:
		out, exact = lead(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			o, e := lead(sub)
			exact = exact && e && len(o) == len(out)
			out = append([]set{}, out[:min(len(out), len(o))]...)
			for i := range out {
				out[i].join(o[i])
			}
		}
		return out, exact
	case syntax.OpRepeat, syntax.OpPlus:
		n, top := re.Min, re.Max
		if re.Op == syntax.OpPlus {
			n, top = 1, -1
		}
		one, exact := lead(re.Sub[0])
		for i := 0; i < n && len(out) <= maxLead; i++ {
			if out = append(out, one...); !exact {
				return out, false
			}
		}
		return out, exact && n == top
	}
	return nil, false
}

// starts are texts in lower case of which one begins every match of re. whole tells that the match is no
// longer than that.
func starts(re *syntax.Regexp) (out []string, whole bool) {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpWordBoundary:
		return []string{""}, true
	case syntax.OpLiteral:
		return []string{strings.ToLower(string(re.Rune))}, true
	case syntax.OpCapture:
		return starts(re.Sub[0])
	case syntax.OpConcat:
		out = []string{""}
		for _, sub := range re.Sub {
			more, whole := starts(sub)
			var all []string
			for _, a := range out {
				for _, b := range more {
					all = append(all, a+b)
				}
			}
			if out = all; !whole || len(out) > 16 {
				return out, false
			}
		}
		return out, true
	case syntax.OpAlternate:
		whole = true
		for _, sub := range re.Sub {
			more, w := starts(sub)
			out, whole = append(out, more...), whole && w
		}
		return out, whole
	}
	return []string{""}, false
}

// folds tells whether a range is one of the two signs outside of ASCII that case folding brings into
// every class of letters. No secret has them; an expression that takes them is not run for them.
func folds(lo, hi rune) bool { return lo == hi && (lo == 'ſ' || lo == '\u212a') }

// folded is c in both cases.
func folded(c byte) (s set) {
	s.add(c)
	if 'a' <= c|0x20 && c|0x20 <= 'z' {
		s.add(c | 0x20)
		s.add(c &^ 0x20)
	}
	return s
}

// longest is the length of the longest match of re in bytes; -1: there is none.
func longest(re *syntax.Regexp) int {
	sum := 0
	switch re.Op {
	case syntax.OpLiteral:
		return 3 * len(re.Rune)
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			if re.Rune[i+1] >= utf8.RuneSelf && !folds(re.Rune[i], re.Rune[i+1]) {
				return utf8.UTFMax
			}
		}
		return 1
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return utf8.UTFMax
	case syntax.OpCapture, syntax.OpQuest:
		return longest(re.Sub[0])
	case syntax.OpConcat, syntax.OpAlternate:
		for _, sub := range re.Sub {
			n := longest(sub)
			if n < 0 {
				return -1
			}
			if re.Op == syntax.OpConcat {
				sum += n
			} else {
				sum = max(sum, n)
			}
		}
	case syntax.OpRepeat:
		n := longest(re.Sub[0])
		if re.Max < 0 || n < 0 {
			return -1
		}
		return n * re.Max
	case syntax.OpStar, syntax.OpPlus:
		return -1
	}
	return sum
}
