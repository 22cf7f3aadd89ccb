package homefiles

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// unescape resolves the escapes of TOML and of Starlark. What is none stays as it is.
func unescape(s string) string {
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(s, `\`)
		out.WriteString(before)
		if !ok {
			return out.String()
		}
		if line := strings.TrimLeft(rest, " \t\r"); strings.HasPrefix(line, "\n") { // it goes on with the next word
			s = strings.TrimLeft(line, " \t\r\n")
			continue
		}
		r, n := escape(rest)
		out.WriteRune(r)
		s = rest[n:]
	}
}

// escape is what a backslash before s stands for, with n bytes of s.
func escape(s string) (r rune, n int) {
	if s == "" {
		return '\\', 0
	}
	if i := strings.IndexByte(`abtnvfre"'\/`, s[0]); i >= 0 {
		return rune("\a\b\t\n\v\f\r\x1b\"'\\/"[i]), 1
	}
	for n < min(len(s), 3) && '0' <= s[n] && s[n] <= '7' {
		r, n = r*8+rune(s[n]-'0'), n+1
	}
	if n > 0 {
		return r, n
	}
	n = 1 + map[byte]int{'x': 2, 'u': 4, 'U': 8}[s[0]]
	if n == 1 || len(s) < n {
		return '\\', 0
	}
	code, err := strconv.ParseUint(s[1:n], 16, 31)
	if err != nil || !utf8.ValidRune(rune(code)) {
		return '\\', 0
	}
	return rune(code), n
}
