package plainyaml_test

import (
	"testing"

	"github.com/exitramp/exitramp/internal/plainyaml"
)

// A file that is wrong is told by its line and what is wanted there: no type of Go, and no value, which may be a secret.
func TestWords(t *testing.T) {
	type word string
	type file struct {
		Text   string
		Word   word
		On     *bool
		Count  uint64
		Part   float64
		List   []string
		Keys   map[string]uint64
		Nested struct{ Name string }
	}
	for in, want := range map[string]string{
		"s3cret":                    "line 1: want keys with values, got a text",
		"[s3cret]":                  "line 1: want no list, got a list",
		"on: s3cret":                "line 1: want true or false, got a text",
		"\ncount: s3cret":           "line 2: want a whole number from 0 on, got a text",
		"count: true":               "line 1: want a whole number from 0 on, got true or false",
		"count: -1":                 "line 1: want a whole number from 0 on, got a number",
		"part: {s3cret: 1}":         "line 1: want a number, got keys with values",
		"list: s3 ` into string":    "line 1: want a list, got a text",
		"text: [s3cret]":            "line 1: want a text, got a list",
		"word: {s3cret: 1}":         "line 1: want one word, got keys with values",
		"nested: s3cret\non: maybe": "line 1: want keys with values, got a text; line 2: want true or false, got a text",
		"keys: {a: s3cret}":         "line 1: want a whole number from 0 on, got a text",
		"keys: [s3cret]":            "line 1: want keys with values, got a list",
		"txt: s3cret":               "line 1: field txt not found",
		"text: a\ntext: s3cret":     `line 2: mapping key "text" already defined at line 1`,
		"text: *s3cret":             "an alias of nothing: a value that begins with * stands in quotes",
		"count: !!int s3cret":       "a tag (!!) that its value is not of",
	} {
		if err := plainyaml.Decode([]byte(in), 1000, new(file)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
}
