package langgraph

import (
	"bytes"

	"github.com/exitramp/exitramp/context/fidelity"
)

// jsonbMetadata is the metadata of a checkpoint as jsonb takes it. It is what an application says of a
// checkpoint, nothing resumes from it: what jsonb has no form for is taken out, and said.
func jsonbMetadata(b []byte) ([]byte, []fidelity.Loss) {
	if b == nil {
		return []byte("{}"), nil
	}
	out, nul, nan, other := make([]byte, 0, len(b)), false, false, false
	for i, inString := 0, false; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			inString = !inString
		case inString && bytes.HasPrefix(b[i:], []byte(`\u0000`)):
			i, nul = i+5, true
			continue
		case inString && c == '\\' && i+1 < len(b):
			out = append(out, c)
			i++
		case inString:
		case c == 'N' || c == 'I' || c == '-' && i+1 < len(b) && b[i+1] == 'I': // NaN, Infinity, -Infinity
			for i+1 < len(b) && (b[i+1]|0x20) >= 'a' && (b[i+1]|0x20) <= 'z' {
				i++
			}
			out, nan = append(out, "null"...), true
			continue
		case (c == 'e' || c == 'E') && i > 0 && b[i-1] >= '0' && b[i-1] <= '9', bytes.HasPrefix(b[i:], []byte("-0.0")):
			other = true
		}
		out = append(out, b[i])
	}
	var losses []fidelity.Loss
	say := func(g fidelity.Grade, why string, paths ...string) {
		for _, p := range paths {
			losses = append(losses, loss(p, g, why))
		}
	}
	if nul {
		say(fidelity.Transformed, "NUL is taken out of text, as the runtime does before it writes", "native.metadata", "meta.labels.name", "meta.labels.value")
	}
	if nan {
		say(fidelity.Transformed, "NaN and infinity become null: jsonb has no such numbers", "native.metadata", "meta.labels.value")
	}
	if other {
		say(fidelity.Equivalent, "jsonb keeps numbers, not the form in which they are written", "meta.labels.value")
	}
	return out, losses
}
