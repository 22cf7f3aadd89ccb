package cassette

import (
	"encoding/json"
	"fmt"
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

// Servers that stream otherwise than OpenAI's own: several calls in one place, each whole, and an end without the items that
// were said before it.
func TestStreamsOfOtherServers(t *testing.T) {
	call := func(id, name, args string) event {
		return event{data: fmt.Appendf(nil, `{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":%q,"function":{"name":%q,"arguments":%q}}]}}]}`, id, name, args)}
	}
	end := event{data: []byte(`{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`)}
	for name, c := range map[string]struct {
		es   []event
		want string
	}{
		"one place":     {[]event{call("1", "f", `{"a":1}`), call("2", "f", `{"a":2}`), end}, `1 f {"a":1}; 2 f {"a":2}`},
		"and pieces":    {[]event{call("1", "f", `{"a"`), call("", "", `:1}`), call("2", "g", `{`), call("2", "", `}`), end}, `1 f {"a":1}; 2 g {}`},
		"no ids":        {[]event{call("", "f", `{"a":1}`), call("", "f", `{"a"`), call("", "", `:2}`), end}, ` f {"a":1};  f {"a":2}`},
		"a name in two": {[]event{call("", "f", ""), call("", "g", `{"a":1}`), end}, ` fg {"a":1}`},
		"the id again":  {[]event{call("1", "f", `{"a"`), call("1", "", `:1}`), end}, `1 f {"a":1}`},
	} {
		a, err := chatAPI{}.events(c.es)
		if err != nil {
			t.Fatal(name, err)
		}
		if got := callsOf(a); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	item := func(at int, id string) event {
		return event{data: fmt.Appendf(nil, `{"type":"response.output_item.done","output_index":%d,"item":{"type":"function_call","call_id":%q,"name":"f","arguments":"{}"}}`, at, id)}
	}
	for _, output := range []string{``, `,"output":null`, `,"output":[]`} {
		a, err := responsesAPI{}.events([]event{item(1, "2"), item(0, "1"), {data: []byte(`{"type":"response.completed","response":{"id":"r","status":"completed"` + output + `}}`)}})
		if err != nil {
			t.Fatal(output, err)
		}
		if got := callsOf(a); got != "1 f {}; 2 f {}" || a.ID != "r" {
			t.Errorf("%s: %s %s", output, got, a.ID)
		}
	}
	a, err := responsesAPI{}.events([]event{
		{data: []byte(`{"type":"response.output_item.done","item":{"type":"function_call","call_id":"1","name":"f","arguments":"{}"}}`)},
		{data: []byte(`{"type":"response.output_item.done","item":{"type":"function_call","call_id":"2","name":"f","arguments":"{}"}}`)},
		{data: []byte(`{"type":"response.completed","response":{}}`)}})
	if err != nil || callsOf(a) != "1 f {}; 2 f {}" {
		t.Errorf("items without a place: %v %v", a, err)
	}
	for _, bad := range []string{`{"type":"response.completed"}`, `{"type":"response.completed","response":7}`, `{"type":"response.failed","response":{"output":[]}}`} {
		if a, err := (responsesAPI{}).events([]event{item(0, "1"), {data: []byte(bad)}}); err == nil {
			t.Errorf("%s: %v", bad, a)
		}
	}
}

func callsOf(a *answer) string {
	var out []string
	for _, p := range a.Parts {
		c := p.GetToolCall()
		out = append(out, c.GetId()+" "+c.GetName()+" "+string(c.GetArgumentsJson()))
	}
	return strings.Join(out, "; ")
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
