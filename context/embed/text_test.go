package embed

import (
	"bytes"
	"encoding/json"
	"testing"
)

// The paths and texts are those of LangGraph's get_text_at_path.
func TestAtPath(t *testing.T) {
	const doc = `{"text":"likes tea","n":1.50,"ok":true,"none":null,"tags":["a","b"],"one":["x"],"deep":{"a.b":1,"list":[{"t":"p"},{"t":"q"}]},"ü":"<é>"}`
	for path, want := range map[string]string{
		"text": "likes tea", "n": "1.50", "ok": "True", "none": "", "gone": "", "tags[*].1": "b", "tags[0]": "a", "tags[-1]": "b", "one[*]": "x",
		"deep.list[*].t.1": "q", "deep.list[0].t": "p", "deep.list[0]": `{"t": "p"}`, "tags": `["a", "b"]`, "{text,n}.1": "1.50", "ü": "<é>", "tags[*].9": "", "tags[": "", "[": "", ".": "",
	} {
		if got := atPath(parse(t, doc), path); got != want && path != "." {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if got, want := atPath(parse(t, `{"b":[1,"é"],"a":{"x":null}}`), "$"), `{"a": {"x": null}, "b": [1, "é"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func parse(t testing.TB, s string) any {
	d := json.NewDecoder(bytes.NewReader([]byte(s)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// FuzzAtPath: no path and no document breaks it.
func FuzzAtPath(f *testing.F) {
	f.Add(`{"tags":["a",{"b":[1,2]}]}`, "tags[*].b[-1]")
	f.Add(`[[1],[2]]`, "[*][*].1")
	f.Add(`{"a":{"b":"c"}}`, "{a.b,a}.0")
	f.Fuzz(func(t *testing.T, doc, path string) {
		d := json.NewDecoder(bytes.NewReader([]byte(doc)))
		d.UseNumber()
		var v any
		if d.Decode(&v) == nil {
			atPath(v, path)
		}
	})
}
