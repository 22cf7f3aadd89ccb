package cassette

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A stream of Chat Completions may have members of which this package knows nothing: their pieces are joined.
func TestUnknownMembers(t *testing.T) {
	var es []event
	for _, delta := range []string{`{"role":"assistant","content":"a","x":"1","annotations":[{"n":1}],"audio":{"id":"i","data":"AA","transcript":"fo"}}`,
		`{"x":"2","annotations":[{"n":2}],"audio":{"id":"i","data":"BB","transcript":"ur","expires_at":5},"y":null,"z":7}`} {
		es = append(es, event{data: []byte(`{"id":"c","choices":[{"index":0,"delta":` + delta + `}]}`)})
	}
	es = append(es, event{data: []byte(`{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`)}, event{data: []byte("[DONE]")})
	a, err := chatAPI{}.events(es)
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Message any }
	var want any
	const whole = `{"role":"assistant","content":"a","refusal":null,"x":"12","annotations":[{"n":1},{"n":2}],"audio":{"id":"i","data":"AABB","transcript":"four","expires_at":5},"z":7}`
	if json.Unmarshal(a.pieces[0], &got) != nil || json.Unmarshal([]byte(whole), &want) != nil {
		t.Fatal(string(a.pieces[0]))
	}
	if d := cmp.Diff(want, got.Message); d != "" {
		t.Error(d)
	}
}

// A call whose input broke off is streamed as far as it came, and not as a text of JSON.
func TestBrokenInput(t *testing.T) {
	stream := ""
	for _, e := range []string{
		`{"type":"message_start","message":{"id":"x","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null}}`,
		`{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\": \"b"}}`,
		`{"type":"content_block_stop","index":0}`, `{"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null}}`, `{"type":"message_stop"}`,
	} {
		stream += "data: " + e + "\n\n"
	}
	rec, base := fixed(t, stream)
	ask := map[string]any{"model": "m", "stream": true, "max_tokens": 1, "messages": []any{map[string]any{"role": "user", "content": "Hi"}}}
	post(t, base+paths["messages"], ask)
	url, _ := played(t, rec)
	if _, b := post(t, url+paths["messages"], ask); !strings.Contains(string(b), `"partial_json":"{\"a\": \"b"`) || !strings.Contains(string(b), `"max_tokens"`) {
		t.Errorf("%s", b)
	}
}
