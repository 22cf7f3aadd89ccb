package values

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBlocks: messages that JavaScript's library made from blocks.
func TestBlocks(t *testing.T) {
	const class = `[{"lc":1,"type":"constructor","id":["langchain_core","messages",`
	for _, c := range [][2]string{
		{class + `"HumanMessage"],"kwargs":{"content_blocks":[{"type":"text","text":"see"},{"type":"file","data":"aGk=","mimeType":"application/pdf","metadata":{"filename":"a.pdf"}}],"additional_kwargs":{}}}]`,
			"user see a.pdf application/pdf hi"},
		{class + `"AIMessage"],"kwargs":{"content_blocks":[{"type":"text","text":"I look"},{"type":"tool_call","id":"c1","name":"f","args":{}}],"tool_calls":[{"type":"tool_call","id":"c1","name":"f","args":{}}]}}]`,
			"assistant I look calls c1 f {}"},
		{class + `"ToolMessage"],"kwargs":{"tool_call_id":"c1","content_blocks":[{"type":"text","text":"r"}]}}]`,
			`tool result c1 [{"type":"text","text":"r"}] false`},
		{`[{"type":"user","content_blocks":[{"type":"text","text":"see"}]}]`, "user see"},
		{`[{"role":"assistant","content":[{"type":"server_tool_call","id":"s","name":"find","args":{"q":1}},{"type":"server_tool_call_result","toolCallId":"s","status":"error","output":"no"}]}]`,
			`assistant calls s find {"q":1} result s no true`},
		{`[{"role":"user","content":[{"type":"image","mimeType":"image/png","data":{"0":104,"1":105}},{"type":"file","mimeType":"text/plain","data":{"type":"Buffer","data":[104,111]}}]}]`,
			"user  image/png hi  text/plain ho"},
		{`[{"role":"user","content":[{"type":"image","data":{"1":104,"0":105}},{"type":"image","data":{"0":256}},{"type":"image","data":{}}]}]`,
			"user *exitrampv1.Part_Data *exitrampv1.Part_Data *exitrampv1.Part_Data"},
		{class + `"AIMessage"],"kwargs":{"content":[{"type":"text","text":"I look"},{"type":"functionCall","functionCall":{"name":"f","args":{"q":1}}}],"tool_calls":[{"id":"c1","name":"f","args":{"q":1}}]}}]`,
			`assistant I look calls c1 f {"q":1}`},
		{`[{"role":"assistant","content":[{"type":"functionCall","functionCall":{"name":"f","args":{"q":1}}},{"type":"functionCall","functionCall":{"name":"g","args":{}}}]}]`,
			`assistant calls  f {"q":1} calls  g {}`},
	} {
		if ms, ok, err := Chat("json", []byte(c[0])); err != nil || !ok || brief(ms) != c[1] {
			t.Errorf("%s: %v, %v: %s, want %s", c[0], ok, err, brief(ms), c[1])
		}
	}
}

// TestOptions: what a person may answer, as the graph wrote it.
func TestOptions(t *testing.T) {
	long := strings.Repeat("é", 3000)
	got, err := Interrupts("json", []byte(`[{"id":"i","value":{"options":["a",2,true,null,{"b":1},"`+long+`"]}}]`))
	if want := []string{"a", "2", "true", long}; err != nil || len(got) != 1 || !cmp.Equal(got[0].Options, want) {
		t.Errorf("%v: %+v, want %q", err, got, want)
	}
}

// TestAsksNothing: what a graph in JavaScript asks may have no form in JSON; it is still answered by its id.
func TestAsksNothing(t *testing.T) {
	for have, want := range map[string]Interrupt{
		`[{"id":"i"}]`:          {ID: "i", Value: []byte("null")},
		`[{"id":"i","what":1}]`: {Value: []byte(`{"id":"i","what":1}`)},
	} {
		if got, err := Interrupts("json", []byte(have)); err != nil || !cmp.Equal(got, []Interrupt{want}) {
			t.Errorf("%s: %+v, %v", have, got, err)
		}
	}
}
