package plainjson

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"
)

// Tokens are the tokens of a JSON text, as a json.Decoder that uses numbers gives them, some times faster: the text is
// looked at as a whole first, so that each token only has to be cut out.
type Tokens struct {
	b  []byte // what is left of a valid text
	of *json.Decoder
}

// NewTokens reads b. Of a text that is not JSON the decoder gives the tokens, up to what is wrong.
func NewTokens(b []byte) *Tokens {
	if json.Valid(b) {
		return &Tokens{b: b}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return &Tokens{of: d}
}

// More is as of json.Decoder.
func (t *Tokens) More() bool {
	if t.of != nil {
		return t.of.More()
	}
	t.skip()
	return len(t.b) > 0 && t.b[0] != ']' && t.b[0] != '}'
}

// Token is as of json.Decoder.
func (t *Tokens) Token() (json.Token, error) {
	if t.of != nil {
		return t.of.Token()
	}
	t.skip()
	if len(t.b) == 0 {
		return nil, io.EOF
	}
	switch c := t.b[0]; c {
	case '{', '}', '[', ']':
		t.cut(1)
		return json.Delim(c), nil
	case '"':
		return t.text()
	case 't':
		t.cut(len("true"))
		return true, nil
	case 'f':
		t.cut(len("false"))
		return false, nil
	case 'n':
		t.cut(len("null"))
		return nil, nil
	}
	n := bytes.IndexAny(t.b, ",]} \t\r\n")
	if n < 0 {
		n = len(t.b)
	}
	return json.Number(t.cut(n)), nil
}

// skip leaves out what stands between tokens.
func (t *Tokens) skip() {
	for len(t.b) > 0 {
		switch t.b[0] {
		case ' ', '\t', '\r', '\n', ',', ':':
			t.b = t.b[1:]
		default:
			return
		}
	}
}

func (t *Tokens) cut(n int) []byte {
	out := t.b[:n]
	t.b = t.b[n:]
	return out
}

func (t *Tokens) text() (json.Token, error) {
	end, plain := 1, true
	for t.b[end] != '"' {
		if t.b[end] == '\\' {
			plain = false
			end++
		}
		end++
	}
	quoted := t.cut(end + 1)
	if inner := quoted[1:end]; plain && utf8.Valid(inner) {
		return string(inner), nil
	}
	var s string
	err := json.Unmarshal(quoted, &s)
	return s, err
}
