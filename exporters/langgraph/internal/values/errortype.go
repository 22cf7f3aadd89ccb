package values

import (
	"strings"
	"unicode"
)

// ErrorType is the type of the error that a task failed with: Python keeps what repr says of it, JavaScript its name.
// Empty: it is not told.
func ErrorType(serializer string, b []byte) string {
	v, err := parse(serializer, b)
	if err != nil {
		return ""
	}
	name := v.str("name")
	if s, ok := v.text(); ok {
		name, _, ok = strings.Cut(s, "(")
		if !ok { // no class prints itself so
			return ""
		}
	}
	other := func(c rune) bool { return c != '_' && c != '.' && !unicode.IsLetter(c) && !unicode.IsDigit(c) }
	if len(name) > 200 || strings.ContainsFunc(name, other) { // a message, which may say anything
		return ""
	}
	return name
}
