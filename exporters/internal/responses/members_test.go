package responses

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzMembers: members says of every Object what encoding/json says.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{}`, ` { "a" : 1 , "b":[ {"c":"}"} ,2],"d":"\\\"" } `, `{"a":1,"a":{"b":null}}`, `{"\u00e9\ud800":-1e+22,"é":true}`, `[1]`, `null`, `{"":""}`, "{\"a\xff\":1}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !json.Valid(b) {
			return
		}
		var want Object
		if json.Unmarshal(b, &want) != nil {
			want = nil
		}
		if d := cmp.Diff(want, members(b)); d != "" {
			t.Error(d)
		}
	})
}
