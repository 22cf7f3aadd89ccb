package responses

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzMembers: parse says of every text what encoding/json says.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{}`, ` { "a" : 1 , "b":[ {"c":"}"} ,2],"d":"\\\"" } `, `{"a":1,"a":{"b":null}}`, `{"\u00e9\ud800":-1e+22,"é":true}`, `[1]`, `null`, `{"":""}`, "{\"a\xff\":1}",
		`{"type":"message","role":"user","content":[{"type":"input_text","text":"\n\/\u00E9"}]}`, `{"a":01}`, `{"a":1.}`, `{"a":1e}`, `{"a":-}`, `{"a":nul}`, `{"a":"\x"}`, `{"a":"\u12"}`, "{\"a\":\"\n\"}", `{"a" 1}`,
		`{"a":1,}`, `[1,]`, `[1 2]`, `{,}`, `{"a":1}}`, `{"a":1} x`, ``, ` `, `"`, `0.5E-7`, `-0`, `{"a":[[[]]],"b":{"c":{}}}`, `\`, `"\`, strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, ok := object(nil).parse(b)
		if ok != json.Valid(b) {
			t.Fatalf("%t, json says %t", ok, json.Valid(b))
		}
		var want Object
		if !ok || json.Unmarshal(b, &want) != nil {
			return
		}
		got := Object{}
		for _, m := range o {
			got[m.name] = m.raw
			if last := o.get(m.name); string(last) != string(want[m.name]) {
				t.Errorf("%q: %s, want %s", m.name, last, want[m.name])
			}
		}
		if d := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); d != "" {
			t.Error(d)
		}
	})
}
