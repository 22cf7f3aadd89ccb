package cassette

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// FuzzRequest: whatever a program asks is answered, and never with a panic.
func FuzzRequest(f *testing.F) {
	f.Add("chat", []byte(`{"messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image_url"}]},{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{"}}]},{"role":"tool","content":null}],"stream":true}`))
	f.Add("responses", []byte(`{"instructions":"x","input":[{"role":"user","content":"Hi"},{"type":"reasoning"},{"type":"function_call","name":"f","arguments":""},{"type":"function_call_output","output":[{"type":"input_text","text":"a"}]},{"type":"item_reference"}]}`))
	f.Add("messages", []byte(`{"system":[{"type":"text","text":"x"}],"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"a"}]},{"type":"text","text":"Hi"}]},{"role":"assistant","content":[{"type":"tool_use","input":{}}]}]}`))
	recs := shop("a", "A-1", "It shipped.")
	p, err := NewPlayer(f.Context(), memstate.Whole("test", recs...), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, api string, body []byte) {
		path, ok := paths[api]
		if !ok {
			return
		}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)))
		if w.Code != 200 && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
	})
}

// FuzzAnswer: whatever a model streams or says, what is kept of it can be sealed and played.
func FuzzAnswer(f *testing.F) {
	f.Add("chat", []byte("data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":7,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]},\"finish_reason\":\"x\"}]}\n\ndata: [DONE]\n\n"))
	f.Add("responses", []byte("event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"\xff\"}]},{\"type\":\"web_search_call\"}]}}\n\n"))
	f.Add("messages", []byte("data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\ndata: {\"type\":\"content_block_start\",\"content_block\":{\"type\":\"tool_use\"}}\n\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"partial_json\":\"{\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n"))
	f.Fuzz(func(t *testing.T, name string, body []byte) {
		api := apiOf(paths[name])
		if api == nil {
			return
		}
		for _, stream := range []bool{false, true} {
			r, err := NewRecorder(RecorderOptions{Upstream: "http://127.0.0.1:1/v1", Name: "f"})
			if err != nil {
				t.Fatal(err)
			}
			q := &request{Model: "m\xff", Messages: []*pb.Message{message("user", "", nil, textPart("Hi"))}, Stream: stream}
			r.take(&pending{api: api, q: q, items: flatten(q.Messages)}, &http.Response{StatusCode: http.StatusOK}, body, endedWhole)
			mem := &memstate.State{}
			if _, err := agentstate.Copy(t.Context(), mem, r, nil); err != nil {
				t.Fatal(err)
			}
			for rec := range mem.Records(t.Context(), nil) {
				if _, err := proto.Marshal(rec); err != nil {
					t.Fatal(err)
				}
			}
			if p, err := NewPlayer(t.Context(), mem, nil); err == nil && p.Answers() == 0 {
				t.Fatal("nothing to play")
			}
			r.Close()
		}
	})
}
