package cassette

import (
	"encoding/json"
	"slices"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// chatAPI is OpenAI's Chat Completions.
type chatAPI struct{}

type chatCall struct {
	Index    int    `json:"index"`
	ID       string `json:"id,omitempty"`
	Type     string `json:"type,omitempty"`
	Function struct {
		Name      string `json:"name,omitempty"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type chatMessage struct {
	Role       string          `json:"role,omitempty"`
	Content    json.RawMessage `json:"content"`
	Refusal    *string         `json:"refusal,omitempty"`
	ToolCalls  []chatCall      `json:"tool_calls,omitempty"`
	ToolCallID string          `json:"tool_call_id,omitempty"`
}

func (m *chatMessage) parts() ([]*pb.Part, error) {
	if m.Role == "tool" || m.Role == "function" {
		return []*pb.Part{resultPart(m.ToolCallID, textOf(m.Content), false)}, nil
	}
	parts, err := content(m.Content)
	if err != nil {
		return nil, err
	}
	if m.Refusal != nil {
		parts = append(parts, &pb.Part{Body: &pb.Part_Refusal{Refusal: *m.Refusal}})
	}
	for _, c := range m.ToolCalls {
		parts = append(parts, callPart(c.ID, c.Function.Name, c.Function.Arguments))
	}
	return parts, nil
}

func (chatAPI) request(body []byte) (*request, error) {
	var in struct {
		Model         string            `json:"model"`
		Messages      []json.RawMessage `json:"messages"`
		Stream        bool              `json:"stream"`
		StreamOptions struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, errRequest("it is no request for a chat completion")
	}
	q := &request{Model: in.Model, Stream: in.Stream, Usage: in.StreamOptions.IncludeUsage}
	for i, raw := range in.Messages {
		var m chatMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, errRequest("message %d is none", i)
		}
		parts, err := m.parts()
		if err != nil {
			return nil, err
		}
		q.Messages = append(q.Messages, message(m.Role, m.Role, raw, parts...))
	}
	var err error
	q.Settings, err = settings(body, "messages")
	return q, err
}

type chatAnswer struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	Model   string `json:"model"`
	Choices []struct {
		Index        int          `json:"index"`
		Message      *chatMessage `json:"message,omitempty"`
		Delta        *chatMessage `json:"delta,omitempty"`
		FinishReason *string      `json:"finish_reason"`
	} `json:"choices"`
	Usage json.RawMessage `json:"usage,omitempty"`
}

func (chatAPI) answer(body []byte) (*answer, error) {
	var in chatAnswer
	if err := json.Unmarshal(body, &in); err != nil || len(in.Choices) == 0 || in.Choices[0].Message == nil {
		return nil, errAnswer
	}
	parts, err := in.Choices[0].Message.parts()
	return &answer{ID: in.ID, Model: in.Model, Parts: parts, Usage: in.Usage}, err
}

// events joins the pieces of a streamed answer.
func (chatAPI) events(es []event) (*answer, error) {
	a := &answer{}
	var text, refusal string
	var calls []chatCall
	ended := false
	for _, e := range es {
		if string(e.data) == "[DONE]" {
			ended = true
			break
		}
		var c chatAnswer
		if err := json.Unmarshal(e.data, &c); err != nil {
			return nil, errAnswer
		}
		if a.ID = c.ID; c.Model != "" {
			a.Model = c.Model
		}
		if len(c.Usage) > 0 && string(c.Usage) != "null" {
			a.Usage = c.Usage
		}
		for _, ch := range c.Choices {
			if ch.Index != 0 || ch.Delta == nil {
				continue
			}
			ended = ended || ch.FinishReason != nil
			var s string
			_ = json.Unmarshal(ch.Delta.Content, &s)
			text += s
			if ch.Delta.Refusal != nil {
				refusal += *ch.Delta.Refusal
			}
			for _, d := range ch.Delta.ToolCalls {
				n := slices.IndexFunc(calls, func(c chatCall) bool { return c.Index == d.Index })
				if n < 0 {
					n, calls = len(calls), append(calls, chatCall{Index: d.Index})
				}
				if d.ID != "" {
					calls[n].ID = d.ID
				}
				calls[n].Function.Name += d.Function.Name
				calls[n].Function.Arguments += d.Function.Arguments
			}
		}
	}
	if !ended {
		return nil, errAnswer
	}
	if text != "" {
		a.Parts = append(a.Parts, textPart(text))
	}
	if refusal != "" {
		a.Parts = append(a.Parts, &pb.Part{Body: &pb.Part_Refusal{Refusal: refusal}})
	}
	for _, c := range calls {
		a.Parts = append(a.Parts, callPart(c.ID, c.Function.Name, c.Function.Arguments))
	}
	return a, nil
}

func chatCalls(calls []*pb.ToolCall, indexed bool) []map[string]any {
	var out []map[string]any
	for i, c := range calls {
		m := map[string]any{"id": c.Id, "type": "function", "function": map[string]any{"name": c.Name, "arguments": arguments(c)}}
		if indexed {
			m["index"] = i
		}
		out = append(out, m)
	}
	return out
}

func finish(calls []*pb.ToolCall) string {
	if len(calls) > 0 {
		return "tool_calls"
	}
	return "stop"
}

// noTokens: an answer that is played costs nothing.
func noTokens() any {
	return map[string]any{"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
}

func (chatAPI) write(a *answer) any {
	text, calls := said(a.Parts)
	m := map[string]any{"role": "assistant", "content": nil, "refusal": nil}
	if text != "" || len(calls) == 0 {
		m["content"] = text
	}
	if len(calls) > 0 {
		m["tool_calls"] = chatCalls(calls, false)
	}
	return map[string]any{
		"id": a.ID, "object": "chat.completion", "created": 0, "model": a.Model, "usage": noTokens(),
		"choices": []any{map[string]any{"index": 0, "message": m, "logprobs": nil, "finish_reason": finish(calls)}},
	}
}

func (chatAPI) stream(w *eventWriter, q *request, a *answer) {
	text, calls := said(a.Parts)
	chunk := func(delta map[string]any, reason any) {
		w.send("", map[string]any{
			"id": a.ID, "object": "chat.completion.chunk", "created": 0, "model": a.Model,
			"choices": []any{map[string]any{"index": 0, "delta": delta, "logprobs": nil, "finish_reason": reason}},
		})
	}
	chunk(map[string]any{"role": "assistant", "content": ""}, nil)
	if text != "" {
		chunk(map[string]any{"content": text}, nil)
	}
	if len(calls) > 0 {
		chunk(map[string]any{"tool_calls": chatCalls(calls, true)}, nil)
	}
	chunk(map[string]any{}, finish(calls))
	if q.Usage {
		w.send("", map[string]any{"id": a.ID, "object": "chat.completion.chunk", "created": 0, "model": a.Model, "choices": []any{}, "usage": noTokens()})
	}
	w.send("", []byte("[DONE]"))
}

func (chatAPI) failure(message string) any {
	return map[string]any{"error": map[string]any{"message": message, "type": "not_recorded", "code": "not_recorded", "param": nil}}
}
