package claudecode

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A model is a loopback server that speaks the Messages API: it calls a tool when it is asked to
// list files, and says who spoke last otherwise.
type model struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
	// script has blocks that are given when the last message of a request with tools holds the word.
	script map[string][]object
}

type object = map[string]any

type request struct {
	Messages []message         `json:"messages"`
	Tools    []json.RawMessage `json:"tools"`
	Stream   bool              `json:"stream"`
}

type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

func newModel(t *testing.T) *model {
	m := &model{}
	m.Server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.Close)
	return m
}

// last is the last request that carried tools: the conversation's own.
func (m *model) last() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.requests) - 1; i >= 0; i-- {
		if len(m.requests[i].Tools) > 0 {
			b, _ := json.Marshal(m.requests[i].Messages)
			return string(b)
		}
	}
	return ""
}

func (m *model) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if !strings.HasPrefix(r.URL.Path, "/v1/messages") || strings.HasSuffix(r.URL.Path, "count_tokens") {
		fmt.Fprint(w, `{"input_tokens":10}`)
		return
	}
	var q request
	json.Unmarshal(body, &q)
	m.mu.Lock()
	m.requests = append(m.requests, q)
	n := len(m.requests)
	m.mu.Unlock()
	var last message
	for _, x := range q.Messages {
		if x.Role != "system" {
			last = x
		}
	}
	said := string(last.Content)
	block, stop := object{"type": "text", "text": fmt.Sprintf("answer %d 🌤", n)}, "end_turn"
	if len(q.Tools) > 0 && strings.Contains(said, "list files") && !strings.Contains(said, "tool_result") {
		block, stop = object{"type": "tool_use", "id": fmt.Sprintf("toolu_%d", n), "name": "Bash", "input": object{"command": "echo hello-from-tool", "description": "say hello"}}, "tool_use"
	}
	blocks := []object{block}
	for word, out := range m.script {
		if len(q.Tools) == 0 || !strings.Contains(said, word) || strings.Contains(said, "tool_result") {
			continue
		}
		blocks = nil
		for i, b := range out {
			b = maps.Clone(b)
			if b["type"] == "tool_use" {
				b["id"], stop = fmt.Sprintf("toolu_%d_%d", n, i), "tool_use"
			}
			blocks = append(blocks, b)
		}
	}
	usage := object{"input_tokens": 10, "output_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
	answer := object{"id": fmt.Sprintf("msg_%d", n), "type": "message", "role": "assistant", "model": "test", "content": blocks, "stop_reason": stop, "stop_sequence": nil, "usage": usage}
	if !q.Stream {
		json.NewEncoder(w).Encode(answer)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	event := func(typ string, o object) {
		o["type"] = typ
		b, _ := json.Marshal(o)
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", typ, b)
	}
	answer["content"], answer["stop_reason"] = []any{}, nil
	event("message_start", object{"message": answer})
	for i, b := range blocks {
		start := maps.Clone(b)
		var deltas []object
		switch b["type"] {
		case "text":
			start["text"] = ""
			deltas = append(deltas, object{"type": "text_delta", "text": b["text"]})
		case "tool_use":
			in, _ := json.Marshal(b["input"])
			start["input"] = object{}
			deltas = append(deltas, object{"type": "input_json_delta", "partial_json": string(in)})
		case "thinking":
			start["thinking"], start["signature"] = "", ""
			deltas = append(deltas, object{"type": "thinking_delta", "thinking": b["thinking"]}, object{"type": "signature_delta", "signature": b["signature"]})
		}
		event("content_block_start", object{"index": i, "content_block": start})
		for _, d := range deltas {
			event("content_block_delta", object{"index": i, "delta": d})
		}
		event("content_block_stop", object{"index": i})
	}
	event("message_delta", object{"delta": object{"stop_reason": stop, "stop_sequence": nil}, "usage": object{"output_tokens": 5}})
	event("message_stop", object{})
}
