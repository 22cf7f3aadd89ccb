package values

import (
	"math"
	"strconv"
	"strings"
)

// What a document in msgpack has no form for.
const (
	NoBytearray = "a bytearray reads back as bytes"
	NoLong      = "a whole number of more than 64 bits becomes a float; msgpack has no others"
)

// TooLong tells whether the JSON b holds a whole number that 64 bits do not.
func TooLong(b []byte) bool {
	inString := false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			inString = !inString
		case inString && c == '\\':
			i++
		case !inString && (c == '-' || c >= '0' && c <= '9'):
			from := i
			for i+1 < len(b) && strings.IndexByte("+-.0123456789Ee", b[i+1]) >= 0 {
				i++
			}
			if long(string(b[from : i+1])) {
				return true
			}
		}
	}
	return false
}

func long(n string) bool {
	if digits := strings.TrimPrefix(n, "-"); digits == "" || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	_, errI := strconv.ParseInt(n, 10, 64)
	_, errU := strconv.ParseUint(n, 10, 64)
	return errI != nil && errU != nil
}

// NotAgain says why Python's library cannot write the msgpack value b into PostgreSQL, though it reads it
// there; empty: it can. It keeps text and numbers that are the whole value of a channel as jsonb.
func NotAgain(b []byte) string {
	v, err := parse("msgpack", b)
	if err != nil {
		return ""
	}
	switch v.kind() {
	case kString:
		if s, ok := v.text(); ok && strings.IndexByte(s, 0) >= 0 {
			return "text that holds NUL"
		}
	case kNumber:
		if f, err := strconv.ParseFloat(strings.Trim(v.number(), `"`), 64); err == nil && (math.IsNaN(f) || math.IsInf(f, 0)) {
			return "NaN or infinity"
		}
	}
	return ""
}
