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
	var before said  // in one list
	var above []said // for each list around that, what stands before the list: what it holds are alternatives
	for t.i < len(doc) {
		switch from := t.i; doc[from] {
		case '"', '\'':
			s, err := t.text()
			if err != nil {
				return "", nil, fmt.Errorf("a text without an end at line %d", line(from))
			}
			plain := strings.Trim(doc[from:t.i], doc[from:from+1]) // of a raw text a program reads this
			beside := append(above[max(len(above)-1, 0):len(above):len(above)], before)
			if slices.ContainsFunc(beside, func(b said) bool { return b.hides(s) || b.hides(plain) }) {
				t.replace(from, `""`)
				n := line(from)
				secrets = append(secrets, Secret{fmt.Sprintf("line %d", n), "rule"})
				before.and(".")
			} else {
				before.and(s)
			}
			before.last = s
		case '#':
			t.comment()
		case '[':
			t.i++
			above, before = append(above, before), said{}
		case ']':
			t.i++
			n := max(len(above)-1, 0)
			before = said{}
			if n < len(above) { // of what the list holds, one stands in the command
				before.command = above[n].command
				before.and(".")
			}
			above = above[:n]
		case '=', ')':
			t.i++
			before = said{}
		default: // letters before a text say how its escapes are read
			t.i++
		}
	}
	return t.out.String() + doc[t.done:], secrets, nil
}

// A said is what stands before a text: the one before, and the command that all of them are, with a dot for each secret.
type said struct{ last, command string }

// maxCommand is how much of a command is looked at: each text of a list is judged with those before it.
const maxCommand = 500

func (b *said) and(text string) {
	b.command += " " + text
	b.command = b.command[max(0, len(b.command)-maxCommand):]
}

// hides tells whether the text that follows is a secret.
func (b *said) hides(text string) bool {
	return hides(nil, text, b.last) || text != "" && slices.ContainsFunc(secretText().FindAllStringIndex(b.command+" "+text, -1), func(at []int) bool {
		return at[1] > len(b.command)+1
	})
}
