package plainjson

import (
	"bytes"
	"encoding/json"
)

// QuoteWords is b with NaN, Infinity and -Infinity as texts: Python writes them, and JSON has no such numbers. They
// stand in the configurations of real models, in the log of a training that diverged, and in what a tool was called with.
func QuoteWords(b []byte) []byte {
	if json.Valid(b) {
		return b
	}
	var out []byte
	for i := 0; i < len(b); {
		n := 1
		if b[i] == '"' {
			for i+n < len(b) && b[i+n] != '"' {
				if b[i+n] == '\\' {
					n++
				}
				n++
			}
			n = min(n+1, len(b)-i)
		} else if w := word(b[i:]); w != "" {
			out, i = append(append(append(out, '"'), w...), '"'), i+len(w)
			continue
		}
		out, i = append(out, b[i:i+n]...), i+n
	}
	return out
}

func word(b []byte) string {
	for _, w := range []string{"NaN", "Infinity", "-Infinity"} {
		if bytes.HasPrefix(b, []byte(w)) {
			return w
		}
	}
	return ""
}
