package plainjson_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/internal/plainjson"
)

// all are the tokens up to the first error, each with whether more follow.
func all(d interface {
	Token() (json.Token, error)
	More() bool
}) string {
	var out strings.Builder
	for {
		t, err := d.Token()
		fmt.Fprintf(&out, "%T %v %v", t, t, err)
		if err != nil {
			return out.String()
		}
		fmt.Fprintln(&out, d.More())
	}
}

func sameTokens(t *testing.T, text string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if want, got := all(d), all(plainjson.NewTokens([]byte(text))); got != want {
		t.Fatalf("%q: got\n%s\nwant\n%s", text, got, want)
	}
}

// The tokens, and what is wrong with a text, are those of json.Decoder: of texts of each kind, of all that they begin
// with, and with each byte changed.
func TestTokens(t *testing.T) {
	const marks = "{}[],:\"\\ \nt1e-.\x00\xff"
	for _, text := range []string{
		`{"a": [1, -2.5e+3, "x\"y\\", true, false, null, {}, []], "b" :{"":"\ud83d\ude00 ü\ud800"} }` + "\r\n\t",
		` [[], [0,1 ,2], {"a":"b","c":{"d":[{}]}}]`, `"alone"`, "12", " null ", "", "\"\xff\"",
	} {
		for i := range len(text) + 1 {
			texts := []string{text[:i]}
			if i < len(text) {
				for _, c := range []byte(marks) {
					texts = append(texts, text[:i]+string([]byte{c})+text[i+1:])
				}
			}
			for _, s := range texts {
				sameTokens(t, s)
			}
		}
	}
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) // deeper than json.Valid goes
	if want, got := all(json.NewDecoder(strings.NewReader(deep))), all(plainjson.NewTokens([]byte(deep))); got != want {
		t.Error("another end of what is deep")
	}
}

func FuzzTokens(f *testing.F) {
	for _, text := range []string{
		`{"a":[1,-2.5e+3,"x\"y\\",true,false,null,{},[]],"A":{"":"\ud83d\ude00\ud800"}}`, "\ufeff{}", "{}\x00", "[1]\n[2]", `{"a" 1}`, "[\"\xff\",\"\u2028\"]",
		"1e999", "-0", "01", "123456789012345678901234567890",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { sameTokens(t, text) })
}
