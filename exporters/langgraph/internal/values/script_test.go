package values

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestScript: questions and answers as LangGraph.js 1.7.3 keeps them are shown as a person would write them.
func TestScript(t *testing.T) {
	made := func(class, args string) string {
		return fmt.Sprintf(`{"lc":2,"type":"constructor","id":[%q],"method":null,"args":[%s],"kwargs":{}}`, class, args)
	}
	const gone = `{"lc":2,"type":"undefined"}`
	for _, c := range []struct{ have, want, options string }{
		{made("Map", `[["who","Ann"],["n",2]]`), `{"who":"Ann","n":2}`, ""},
		{made("Map", `[[{"k":1},`+made("Set", "[1]")+`]]`), `[[{"k":1},[1]]]`, ""},
		{made("Map", `[]`), `{}`, ""},
		{made("Set", `["a",`+gone+`]`), `["a",null]`, ""},
		{made("Error", `"no such flight"`), `"Error: no such flight"`, ""},
		{made("RegExp", `"a+\\/b","gi"`), `"/a+\\/b/gi"`, ""},
		{made("Uint8Array", `[1,2,255]`), `"AQL/"`, ""},
		{`{"q":` + gone + `}`, `{"q":null}`, ""},
		{`{"lc":1,"type":"constructor","id":["langchain_core","messages","HumanMessage"],"kwargs":{"content":"hi"}}`,
			`{"$type":"langchain_core.messages.HumanMessage","value":{"content":"hi"}}`, ""},
		{made("Map", `[["q","go?"],["options",`+made("Set", `["yes","no"]`)+`]]`), `{"q":"go?","options":["yes","no"]}`, "[yes no]"},
		{`{"options":["a",1,true,{"label":"x"}]}`, `{"options":["a",1,true,{"label":"x"}]}`, "[a 1 true]"},
		// The library leaves these as they are.
		{made("Point", `1`), made("Point", `1`), ""},
		{made("Map", `7`), made("Map", `7`), ""},
		{made("Uint8Array", `[1,256]`), made("Uint8Array", `[1,256]`), ""},
		{made("Uint8Array", `[1,-2]`), made("Uint8Array", `[1,-2]`), ""},
		{made("Error", `{"message":"x"}`), made("Error", `{"message":"x"}`), ""},
	} {
		got, err := Interrupts("json", []byte(`[{"id":"1","value":`+c.have+`}]`))
		if err != nil || len(got) != 1 {
			t.Fatalf("%s: %v, %v", c.have, got, err)
		}
		if d := cmp.Diff(c.want, string(got[0].Value)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if o := fmt.Sprint(got[0].Options); o != c.options && (c.options != "" || o != "[]") {
			t.Errorf("%s: options %s, want %s", c.have, o, c.options)
		}
	}
}

// TestScriptRaw: JavaScript escapes what JSON must, and leaves the rest.
func TestScriptRaw(t *testing.T) {
	for have, want := range map[string]string{"\u2028<\u2029": "\"\u2028<\u2029\"", `\u2028`: `"\\u2028"`, "\\\u2029\n": "\"\\\\\u2029\\n\"", "": `""`} {
		if got := string(Script(have)); got != want {
			t.Errorf("%q: %q, want %q", have, got, want)
		}
	}
}
