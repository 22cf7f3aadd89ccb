package homefiles

import (
	"fmt"
	"strings"
)

// RedactRules takes secrets out of the texts and comments of a file of rules in Starlark, as RedactTOML does, and leaves
// every other byte as it is: programs write whole commands there, with the headers and passwords that a person approved.
func RedactRules(doc string) (out string, secrets []Secret, err error) {
	t := &toml{doc: doc, escapes: true}
	line := func(at int) int { return strings.Count(doc[:min(at, len(doc))], "\n") + 1 }
	before := "" // the text before, in one list
	for t.i < len(doc) {
		switch from := t.i; doc[from] {
		case '"', '\'':
			s, err := t.text()
			if err != nil {
				return "", nil, fmt.Errorf("a text without an end at line %d", line(from))
			}
			if hides(nil, plainText(doc[from:t.i], s), before) {
				t.replace(from, `""`)
				n := line(from)
				secrets = append(secrets, Secret{fmt.Sprintf("line %d", n), "rule"})
			}
			before = s
		case '#':
			t.comment()
		case ',', ' ', '\t', '\r', '\n':
			t.i++
		default:
			t.i++
			before = ""
		}
	}
	return t.out.String() + doc[t.done:], secrets, nil
}
