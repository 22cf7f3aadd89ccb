package homefiles

import (
	"fmt"
	"slices"
	"strings"
)

// RedactRules takes secrets out of the texts and comments of a file of rules in Starlark, as RedactTOML does, and leaves
// every other byte as it is: programs write whole commands there, with the headers and passwords that a person approved.
func RedactRules(doc string) (out string, secrets []Secret, err error) {
	t := &toml{doc: doc, escapes: true}
	line := func(at int) int { return strings.Count(doc[:min(at, len(doc))], "\n") + 1 }
	before := ""       // the text before, in one list
	var above []string // for each list around that, the text before the list: what it holds are alternatives
	for t.i < len(doc) {
		switch from := t.i; doc[from] {
		case '"', '\'':
			s, err := t.text()
			if err != nil {
				return "", nil, fmt.Errorf("a text without an end at line %d", line(from))
			}
			plain := strings.Trim(doc[from:t.i], doc[from:from+1]) // of a raw text a program reads this
			beside := append(above[max(len(above)-1, 0):len(above):len(above)], before)
			if slices.ContainsFunc(beside, func(b string) bool { return hides(nil, s, b) || hides(nil, plain, b) }) {
				t.replace(from, `""`)
				n := line(from)
				secrets = append(secrets, Secret{fmt.Sprintf("line %d", n), "rule"})
			}
			before = s
		case '#':
			t.comment()
		case '[':
			t.i++
			above, before = append(above, before), ""
		case ']':
			t.i++
			above, before = above[:max(len(above)-1, 0)], ""
		case '=', ')':
			t.i++
			before = ""
		default: // letters before a text say how its escapes are read
			t.i++
		}
	}
	return t.out.String() + doc[t.done:], secrets, nil
}
