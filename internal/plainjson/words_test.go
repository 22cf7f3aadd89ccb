package plainjson_test

import (
	"testing"

	"github.com/exitramp/exitramp/internal/plainjson"
)

func TestQuoteWords(t *testing.T) {
	for in, want := range map[string]string{
		`{"a": [NaN, -Infinity,Infinity]}`:     `{"a": ["NaN", "-Infinity","Infinity"]}`,
		`{"NaN": "Infinity \" NaN", "b": NaN}`: `{"NaN": "Infinity \" NaN", "b": "NaN"}`,
		`{"a": "NaN"}`:                         `{"a": "NaN"}`,
		`NaN`:                                  `"NaN"`,
		`{"a": "NaN`:                           `{"a": "NaN`,
		`{"a": "\`:                             `{"a": "\`,
		``:                                     ``,
	} {
		if got := string(plainjson.QuoteWords([]byte(in))); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
