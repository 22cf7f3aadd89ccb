package homefiles

import (
	"errors"
	"fmt"
	"strings"
)

// RedactTOML takes secrets out of a TOML document and leaves every other byte as it is, as RedactJSON
// does. A comment that looks like a secret goes too. What is no TOML is an error.
func RedactTOML(doc string) (out string, secrets []Secret, err error) {
	t := &toml{doc: doc}
	for t.i < len(t.doc) {
		if err := t.line(); err != nil {
			return "", nil, fmt.Errorf("not TOML at line %d: %w", strings.Count(doc[:min(t.i, len(doc))], "\n")+1, err)
		}
	}
	return t.out.String() + doc[t.done:], t.secrets, nil
}

// TOMLTexts calls fn for each text of a TOML document, in order, with the names that lead to it. Of two
// in a list the names are the same. Escapes are resolved.
func TOMLTexts(doc string, fn func(names []string, text string)) error {
	t := &toml{doc: doc, see: fn}
	for t.i < len(t.doc) {
		if err := t.line(); err != nil {
			return err
		}
	}
	return nil
}

// toml walks a document: as much of the language as it takes to know the path of every string.
type toml struct {
	doc     string
	i       int // the next byte
	done    int // bytes that are in out
	table   []string
	nest    int  // lists and tables that are open
	escapes bool // in single quotes, too
	out     strings.Builder
	secrets []Secret
	see     func(names []string, text string) // nil: secrets are looked for
}

var (
	errTOML = errors.New("a key or value that is not understood")
	errNest = fmt.Errorf("nested deeper than %d levels", maxNest)
)

func (t *toml) at(c byte) bool { return t.i < len(t.doc) && t.doc[t.i] == c }

// blank goes over spaces, and over line ends and comments where they are allowed.
func (t *toml) blank(lines bool) {
	for t.i < len(t.doc) {
		switch c := t.doc[t.i]; {
		case c == ' ' || c == '\t' || lines && (c == '\n' || c == '\r'):
			t.i++
		case c == '#' && lines:
			t.comment()
		default:
			return
		}
	}
}

func (t *toml) comment() {
	from := t.i
	if n := strings.IndexByte(t.doc[t.i:], '\n'); n >= 0 {
		t.i += n
	} else {
		t.i = len(t.doc)
	}
	text := strings.TrimLeft(t.doc[from:t.i], "# \t")
	name, value, ok := strings.Cut(text, "=")
	if ok && strings.ContainsAny(value, `"'`) && hides([]string{strings.TrimSpace(name)}, value, "") || secretText().MatchString(text) {
		t.replace(from, "#")
	}
}

// replace puts s in the place of what stands from there to the next byte.
func (t *toml) replace(from int, s string) {
	t.out.WriteString(t.doc[t.done:from] + s)
	t.done = t.i
}

func (t *toml) line() error {
	t.blank(true)
	if t.i >= len(t.doc) {
		return nil
	}
	if t.at('[') {
		list := strings.HasPrefix(t.doc[t.i:], "[[")
		t.i++
		if list {
			t.i++
		}
		names, err := t.key()
		if err != nil {
			return err
		}
		for range map[bool]int{false: 1, true: 2}[list] {
			if !t.at(']') {
				return errTOML
			}
			t.i++
		}
		t.table = names
	} else if err := t.pair(t.table); err != nil {
		return err
	}
	t.blank(false)
	if t.at('#') {
		t.comment()
	}
	if t.at('\r') {
		t.i++
	}
	if t.i < len(t.doc) && !t.at('\n') {
		return errTOML
	}
	return nil
}

func (t *toml) pair(above []string) error {
	names, err := t.key()
	if err != nil {
		return err
	}
	if !t.at('=') {
		return errTOML
	}
	if len(above)+len(names) > maxNest {
		return errNest
	}
	t.i++
	t.blank(false)
	_, err = t.value(append(above[:len(above):len(above)], names...), "")
	return err
}

// key reads a name, or several with dots between them.
func (t *toml) key() (names []string, err error) {
	for {
		t.blank(false)
		switch from := t.i; {
		case t.at('"') || t.at('\''):
			s, err := t.text()
			if err != nil {
				return nil, err
			}
			names = append(names, s)
		default:
			for t.i < len(t.doc) && !strings.ContainsRune(" \t\r\n.=[]{}\"'#,", rune(t.doc[t.i])) {
				t.i++
			}
			if t.i == from {
				return nil, errTOML
			}
			names = append(names, t.doc[from:t.i])
		}
		if t.blank(false); !t.at('.') {
			return names, nil
		}
		if t.i++; len(names) == maxNest {
			return nil, errNest
		}
	}
}

// text reads a string, of one line or of several, as programs do: the letter of an escape is none of the word behind it.
func (t *toml) text() (string, error) {
	q := t.doc[t.i : t.i+1]
	if strings.HasPrefix(t.doc[t.i:], strings.Repeat(q, 3)) {
		q = strings.Repeat(q, 3)
	}
	t.i += len(q)
	from := t.i
	for t.i < len(t.doc) {
		switch {
		case t.doc[t.i] == '\\' && (q[0] == '"' || t.escapes):
			t.i += 2
		case strings.HasPrefix(t.doc[t.i:], q):
			for t.i += len(q); len(q) == 3 && t.at(q[0]); t.i++ { // quotes at the end belong to the text
			}
			s := t.doc[from : t.i-len(q)]
			if len(q) == 3 { // the end of the first line does not
				s = strings.TrimPrefix(strings.TrimPrefix(s, "\r"), "\n")
			}
			if q[0] == '"' || t.escapes {
				s = unescape(s)
			}
			return s, nil
		case t.doc[t.i] == '\n' && len(q) == 1:
			return "", errTOML
		default:
			t.i++
		}
	}
	return "", errTOML
}

// value reads a value, and takes its strings out where they are secrets. s is the text that it is.
func (t *toml) value(names []string, before string) (s string, err error) {
	from := t.i
	switch {
	case t.at('"') || t.at('\''):
		s, err = t.text()
		switch {
		case err != nil:
		case t.see != nil:
			t.see(names, s)
		case hides(names, s, before):
			t.replace(from, `""`)
			t.secrets = append(t.secrets, secretAt(names))
		}
		return s, err
	case t.at('['), t.at('{'):
		if t.nest++; t.nest > maxNest {
			return "", errNest
		}
		defer func() { t.nest-- }()
		end := t.doc[t.i] + 2
		t.i++
		for {
			if t.blank(true); t.at(end) {
				t.i++
				return "", nil
			}
			if end == '}' {
				err = t.pair(names)
			} else {
				s, err = t.value(names, s)
			}
			if err != nil {
				return "", err
			}
			if t.blank(true); t.at(',') {
				t.i++
			} else if !t.at(end) {
				return "", errTOML
			}
		}
	}
	for t.i < len(t.doc) && !strings.ContainsRune(",]}#\r\n\"'", rune(t.doc[t.i])) { // a number, a truth, a time
		t.i++
	}
	if t.i == from {
		return "", errTOML
	}
	return "", nil
}
