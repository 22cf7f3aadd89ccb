package jsonscan

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzParse: Parse and List say of every text what encoding/json says.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{}`, ` { "a" : 1 , "b":[ {"c":"}"} ,2],"d":"\\\"" } `, `{"a":1,"a":{"b":null}}`, `{"\u00e9\ud800":-1e+22,"é":true}`, `[1]`, `null`, `{"":""}`, "{\"a\xff\":1}",
		`{"type":"message","role":"user","content":[{"type":"input_text","text":"\n\/\u00E9"}]}`, `{"a":01}`, `{"a":1.}`, `{"a":1e}`, `{"a":-}`, `{"a":nul}`, `{"a":"\x"}`, `{"a":"\u12"}`, "{\"a\":\"\n\"}", `{"a" 1}`,
		`{"a":1,}`, `[1,]`, `[1 2]`, `{,}`, `{"a":1}}`, `{"a":1} x`, ``, ` `, `"`, `0.5E-7`, `-0`, `{"a":[[[]]],"b":{"c":{}}}`, `\`, `"\`, strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, ok := Parse(nil, b)
		if ok != json.Valid(b) {
			t.Fatalf("%t, json says %t", ok, json.Valid(b))
		}
		var list []json.RawMessage
		isList := ok && json.Unmarshal(b, &list) == nil && string(bytes.TrimSpace(b)) != "null"
		n := 0
		if got := List(b, func(v json.RawMessage) {
			if n < len(list) && string(v) != string(list[n]) {
				t.Errorf("element %d: %s, want %s", n, v, list[n])
			}
			n++
			var want string
			if s, ok := Text(v); ok != (len(v) > 0 && v[0] == '"') || ok && json.Unmarshal(v, &want) == nil && s != want {
				t.Errorf("%s: %q, want %q", v, s, want)
			}
		}); got != isList || isList && n != len(list) {
			t.Errorf("a list: %t with %d, json says %t with %d", got, n, isList, len(list))
		}
		var want map[string]json.RawMessage
		if !ok || json.Unmarshal(b, &want) != nil {
			return
		}
		got := map[string]json.RawMessage{}
		for _, m := range o {
			got[m.Name] = m.Raw
			if last := o.Get(m.Name); string(last) != string(want[m.Name]) {
				t.Errorf("%q: %s, want %s", m.Name, last, want[m.Name])
			}
		}
		if d := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); d != "" {
			t.Error(d)
		}
	})
}
