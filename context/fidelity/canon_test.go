package fidelity

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"
)

// FuzzCanonical: what is JSON has a canonical form, and the same one without its spaces; what is none
// has none.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{"b":[1.0,-0,1e400,12345678901234567890],"a":"\ud800\ud83d\ude00\u00e9"}`, `[[[]],{},null,true,false]`, ` "x" `, `{"a":1,"a":2}`, `01`, `1.`, `-`, `1e`, "\"\x01\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		got, ok := canonical(doc)
		if !json.Valid(doc) {
			if ok {
				t.Fatalf("%q is no JSON, and became %q", doc, got)
			}
			return
		}
		if !ok {
			if bytes.Count(doc, []byte("["))+bytes.Count(doc, []byte("{")) > maxNesting || bytes.ContainsAny(doc, "eE") {
				return // too deep, or an exponent beyond 32 bits
			}
			t.Fatalf("%q is JSON, and has no form", doc)
		}
		var b bytes.Buffer
		if err := json.Compact(&b, doc); err != nil {
			t.Fatal(err)
		}
		if again, ok := canonical(b.Bytes()); !ok || !bytes.Equal(got, again) {
			t.Fatalf("%q and %q: %q, %q", doc, b.Bytes(), got, again)
		}
		var v any
		d := json.NewDecoder(bytes.NewReader(doc))
		d.UseNumber()
		if !utf8.Valid(doc) || bytes.Contains(doc, []byte(`\u`)) || d.Decode(&v) != nil {
			return // another encoder may change half pairs
		}
		other, err := json.MarshalIndent(v, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if again, ok := canonical(other); ok && !bytes.Equal(got, again) && !twice(doc) {
			t.Fatalf("%q and %q: %q, %q", doc, other, got, again)
		}
	})
}

// twice tells whether a member may stand twice in doc: another encoder keeps the last one.
func twice(doc []byte) bool {
	d := json.NewDecoder(bytes.NewReader(doc))
	seen := map[string]bool{}
	for {
		tok, err := d.Token()
		if err != nil {
			return false
		}
		if s, ok := tok.(string); ok {
			if seen[s] {
				return true
			}
			seen[s] = true
		}
	}
}
