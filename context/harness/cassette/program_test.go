package cassette

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A program talks to a model over one of the APIs.
type program struct {
	t      *testing.T
	base   string
	api    string // "chat", "responses", "messages"
	stream bool
	system string

	log []any // the conversation in the API's own form
}

var paths = map[string]string{"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}

func post(t *testing.T, url string, body any) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(harness.Encode(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer canary-key")
	req.Header.Set("X-Api-Key", "canary-key")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b
}

// ask sends the conversation so far and takes the answer into it.
func (p *program) ask() (text string, calls []*pb.ToolCall, failure string) {
	p.t.Helper()
	body := map[string]any{"model": "m-1", "stream": p.stream, "temperature": 0, "max_tokens": 100}
	switch p.api {
	case "chat":
		body["messages"] = append([]any{map[string]any{"role": "system", "content": p.system}}, p.log...)
		body["stream_options"] = map[string]any{"include_usage": true}
	case "responses":
		body["input"], body["instructions"] = p.log, p.system
	case "messages":
		body["messages"], body["system"] = p.log, p.system
	}
	code, b := post(p.t, p.base+paths[p.api], body)
	if code != http.StatusOK {
		return "", nil, string(b)
	}
	api := apiOf(paths[p.api])
	var a *answer
	var err error
	if p.stream {
		a, err = api.events(parseEvents(b))
	} else {
		a, err = api.answer(b)
	}
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", p.api, err, b)
	}
	text, calls = said(a.Parts)
	var own map[string]any
	if err := json.Unmarshal(harness.Encode(api.write(a)), &own); err != nil {
		p.t.Fatal(err)
	}
	switch p.api {
	case "chat":
		p.log = append(p.log, own["choices"].([]any)[0].(map[string]any)["message"])
	case "responses":
		p.log = append(p.log, own["output"].([]any)...)
	case "messages":
		p.log = append(p.log, map[string]any{"role": "assistant", "content": own["content"]})
	}
	return text, calls, ""
}

func (p *program) say(text string) {
	p.log = append(p.log, map[string]any{"role": "user", "content": text})
}

func (p *program) result(call *pb.ToolCall, output string) {
	switch p.api {
	case "chat":
		p.log = append(p.log, map[string]any{"role": "tool", "tool_call_id": call.Id, "content": output})
	case "responses":
		p.log = append(p.log, map[string]any{"type": "function_call_output", "call_id": call.Id, "output": output})
	case "messages":
		p.log = append(p.log, map[string]any{"role": "user", "content": []any{map[string]any{"type": "tool_result", "tool_use_id": call.Id, "content": output}}})
	}
}

// talk is the whole conversation; it returns what the model said.
func (p *program) talk(order string) string {
	p.t.Helper()
	p.say("Where is " + order + "?")
	first, calls, failure := p.ask()
	if failure != "" || len(calls) != 1 {
		return failure
	}
	p.result(calls[0], `{"status":"shipped"}`)
	second, _, failure := p.ask()
	if failure != "" {
		return failure
	}
	p.say("Thanks")
	third, _, _ := p.ask()
	return strings.Join([]string{first, calls[0].Name, string(calls[0].ArgumentsJson), second, third}, "|")
}
