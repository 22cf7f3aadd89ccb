package fidelity

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// canonical is doc, a JSON document, in the one form that all documents of its value have: members by
// name, text in normal form NFC, numbers by their decimal value, which is never rounded. false: it is
// no JSON, or nests too deep.
func canonical(doc []byte) ([]byte, bool) {
	c := &canon{in: doc}
	if !c.value(0) {
		return nil, false
	}
	c.space()
	return c.out, c.at == len(c.in)
}

// maxNesting is how deep a document may nest and be compared by value.
const maxNesting = 200

type canon struct {
	in, out []byte
	at      int
}

func (c *canon) space() {
	for c.at < len(c.in) && strings.IndexByte(" \t\r\n", c.in[c.at]) >= 0 {
		c.at++
	}
}

func (c *canon) take(b byte) bool {
	c.space()
	if c.at >= len(c.in) || c.in[c.at] != b {
		return false
	}
	c.at++
	return true
}

func (c *canon) value(depth int) bool {
	c.space()
	if c.at >= len(c.in) || depth > maxNesting {
		return false
	}
	switch b := c.in[c.at]; {
	case b == '{':
		return c.object(depth)
	case b == '[':
		return c.array(depth)
	case b == '"':
		return c.text()
	case b == '-' || b >= '0' && b <= '9':
		return c.number()
	}
	for _, w := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(c.in[c.at:], []byte(w)) {
			c.at += len(w)
			c.out = append(c.out, w...)
			return true
		}
	}
	return false
}

// object writes members by name; those of one name stay in their order.
func (c *canon) object(depth int) bool {
	c.at++
	type member struct{ name, whole []byte }
	var ms []member
	outer := c.out
	defer func() { c.out = outer }()
	for first := true; !c.take('}'); first = false {
		if !first && !c.take(',') {
			return false
		}
		c.out = nil
		if c.space(); c.at >= len(c.in) || c.in[c.at] != '"' || !c.text() {
			return false
		}
		n := len(c.out)
		if !c.take(':') {
			return false
		}
		c.out = append(c.out, ':')
		if !c.value(depth + 1) {
			return false
		}
		ms = append(ms, member{c.out[:n], c.out})
	}
	slices.SortStableFunc(ms, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	outer = append(outer, '{')
	for i, m := range ms {
		if i > 0 {
			outer = append(outer, ',')
		}
		outer = append(outer, m.whole...)
	}
	outer = append(outer, '}')
	return true
}

func (c *canon) array(depth int) bool {
	c.at++
	c.out = append(c.out, '[')
	for first := true; !c.take(']'); first = false {
		if !first {
			if !c.take(',') {
				return false
			}
			c.out = append(c.out, ',')
		}
		if !c.value(depth + 1) {
			return false
		}
	}
	c.out = append(c.out, ']')
	return true
}

// text writes a string by its length. Half a surrogate pair, which is no character, stays an escape.
func (c *canon) text() bool {
	c.at++
	var s []byte
	for {
		if c.at >= len(c.in) {
			return false
		}
		b := c.in[c.at]
		c.at++
		switch {
		case b == '"':
			if utf8.Valid(s) {
				s = norm.NFC.Bytes(s)
			}
			c.out = append(strconv.AppendInt(c.out, int64(len(s)), 10), '"')
			c.out = append(c.out, s...)
			return true
		case b < ' ':
			return false
		case b != '\\':
			s = append(s, b)
		default:
			var ok bool
			if s, ok = c.escape(s); !ok {
				return false
			}
		}
	}
}

func (c *canon) escape(s []byte) ([]byte, bool) {
	if c.at >= len(c.in) {
		return s, false
	}
	b := c.in[c.at]
	c.at++
	if i := strings.IndexByte(`"\/bfnrt`, b); i >= 0 {
		return append(s, "\"\\/\b\f\n\r\t"[i]), true
	}
	if b != 'u' {
		return s, false
	}
	r, ok := c.hex()
	if !ok {
		return s, false
	}
	if r < 0xd800 || r > 0xdfff {
		return utf8.AppendRune(s, r), true
	}
	if r < 0xdc00 && bytes.HasPrefix(c.in[c.at:], []byte(`\u`)) {
		back := c.at
		c.at += 2
		if low, ok := c.hex(); ok && low >= 0xdc00 && low <= 0xdfff {
			return utf8.AppendRune(s, 0x10000+(r-0xd800)<<10+(low-0xdc00)), true
		}
		c.at = back
	}
	// As CESU-8 has it: bytes that no valid text holds.
	return append(s, 0xed, byte(0x80|r>>6&0x3f), byte(0x80|r&0x3f)), true
}

func (c *canon) hex() (rune, bool) {
	if c.at+4 > len(c.in) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(c.in[c.at:c.at+4]), 16, 16)
	c.at += 4
	return rune(n), err == nil
}

// number writes a number as its digits and a power of ten: 1, 1.0 and 10e-1 are one value, and
// however many digits there are, all count.
func (c *canon) number() bool {
	begin := c.at
	for c.at < len(c.in) && strings.IndexByte("+-.eE0123456789", c.in[c.at]) >= 0 {
		c.at++
	}
	s := string(c.in[begin:c.at])
	mantissa, power, _ := strings.Cut(strings.ReplaceAll(s, "E", "e"), "e")
	sign := ""
	if rest, neg := strings.CutPrefix(mantissa, "-"); neg {
		sign, mantissa = "-", rest
	}
	whole, fraction, dot := strings.Cut(mantissa, ".")
	digits := whole + fraction
	exp := int64(0)
	if power != "" {
		var err error
		if exp, err = strconv.ParseInt(power, 10, 32); err != nil {
			return false
		}
	}
	if whole == "" || dot && fraction == "" || strings.Trim(digits, "0123456789") != "" || strings.HasSuffix(s, "e") || strings.HasSuffix(s, "E") || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	exp -= int64(len(fraction))
	trimmed := strings.TrimRight(digits, "0")
	exp += int64(len(digits) - len(trimmed))
	if trimmed = strings.TrimLeft(trimmed, "0"); trimmed == "" {
		trimmed, exp, sign = "0", 0, ""
	}
	c.out = append(c.out, sign+trimmed+"e"...)
	c.out = strconv.AppendInt(c.out, exp, 10)
	return true
}
