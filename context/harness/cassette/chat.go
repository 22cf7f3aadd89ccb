package cassette

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// chatAPI is OpenAI's Chat Completions.
type chatAPI struct{}

func (chatAPI) name() string { return "chat" }

type chatFunction struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

type chatCall struct {
	Index    int          `json:"index,omitempty"`
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type,omitempty"`
	Function chatFunction `json:"function,omitzero"`
	Custom   *chatCustom  `json:"custom,omitempty"`
}

// chatCustom is a call whose input is a text.
type chatCustom struct {
	Name  string `json:"name,omitempty"`
	Input string `json:"input"`
}

type chatMessage struct {
	Role         string          `json:"role,omitempty"`
	Content      json.RawMessage `json:"content"`
	Refusal      *string         `json:"refusal,omitempty"`
	ToolCalls    []chatCall      `json:"tool_calls,omitempty"`
	FunctionCall *chatFunction   `json:"function_call,omitempty"` // of the API before tools
	ToolCallID   string          `json:"tool_call_id,omitempty"`
}

func (m *chatMessage) parts() ([]*pb.Part, error) {
	if m.Role == "tool" || m.Role == "function" {
		return []*pb.Part{resultPart(m.ToolCallID, textOf(m.Content), false)}, nil
	}
	parts, err := content(m.Content)
	if err != nil {
		return nil, err
	}
	if m.Refusal != nil && *m.Refusal != "" {
		parts = append(parts, &pb.Part{Body: &pb.Part_Refusal{Refusal: *m.Refusal}})
	}
	if f := m.FunctionCall; f != nil {
		parts = append(parts, callPart("", f.Name, f.Arguments))
	}
	for _, c := range m.ToolCalls {
		if c.Custom != nil {
			parts = append(parts, callPart(c.ID, c.Custom.Name, string(harness.Encode(c.Custom.Input))))
			continue
		}
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
	ID      string            `json:"id"`
	Model   string            `json:"model"`
	Choices []json.RawMessage `json:"choices"`
	Usage   json.RawMessage   `json:"usage,omitempty"`
}

type chatChoice struct {
	Index        int          `json:"index"`
	Message      *chatMessage `json:"message"`
	FinishReason string       `json:"finish_reason"`
}

func (chatAPI) answer(body []byte) (*answer, error) {
	var in chatAnswer
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, errAnswer
	}
	a := &answer{ID: in.ID, Model: in.Model, Usage: in.Usage, api: "chat", pieces: in.Choices}
	found := false
	for _, raw := range in.Choices {
		var c chatChoice
		if err := json.Unmarshal(raw, &c); err != nil || c.Message == nil {
			return nil, errAnswer
		}
		if c.Index != 0 || found { // the others are said again, and no conversation goes on from them
			continue
		}
		found = true
		if c.FinishReason == stopLength || c.FinishReason == stopFilter {
			a.Stop = c.FinishReason
		}
		var err error
		if a.Parts, err = c.Message.parts(); err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, errAnswer
	}
	return a, nil
}

// events joins the pieces of a streamed answer.
func (c chatAPI) events(es []event) (*answer, error) {
	whole := chatAnswer{}
	joined := &chatJoiner{}
	ended := false
	for _, e := range es {
		if string(e.data) == "[DONE]" {
			ended = true
			break
		}
		var v struct {
			chatAnswer
			Choices []chatDelta     `json:"choices"`
			Error   json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(e.data, &v); err != nil || len(v.Error) > 0 && string(v.Error) != "null" {
			return nil, errAnswer
		}
		if v.ID != "" {
			whole.ID = v.ID
		}
		if v.Model != "" {
			whole.Model = v.Model
		}
		if len(v.Usage) > 0 && string(v.Usage) != "null" {
			whole.Usage = v.Usage
		}
		for i := range v.Choices {
			ended = joined.add(&v.Choices[i]) || ended
		}
	}
	if !ended {
		return nil, errAnswer
	}
	for _, x := range joined.choices {
		whole.Choices = append(whole.Choices, harness.Encode(x.whole()))
	}
	return c.answer(harness.Encode(whole))
}

func chatCalls(calls []*pb.ToolCall) []any {
	var out []any
	for _, c := range calls {
		out = append(out, map[string]any{"id": c.Id, "type": "function", "function": map[string]any{"name": c.Name, "arguments": arguments(c)}})
	}
	return out
}

// noTokens: an answer that is played costs nothing.
func noTokens() any {
	return map[string]any{"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
}

// choices are an answer's: those that the API gave, or one that is made of the parts.
func (chatAPI) choices(a *answer) []map[string]any {
	if own, ok := a.own("chat"); ok {
		return own
	}
	text, refusal, calls := spoken(a.Parts)
	m := map[string]any{"role": "assistant", "content": nil, "refusal": nil}
	if text != "" || len(calls) == 0 && refusal == "" {
		m["content"] = text
	}
	if refusal != "" {
		m["refusal"] = refusal
	}
	reason := a.Stop
	if len(calls) > 0 {
		m["tool_calls"] = chatCalls(calls)
		reason = cmp.Or(reason, "tool_calls")
	}
	return []map[string]any{{"index": 0, "message": m, "logprobs": nil, "finish_reason": cmp.Or(reason, "stop")}}
}

func (c chatAPI) write(a *answer) any {
	return map[string]any{"id": a.ID, "object": "chat.completion", "created": 0, "model": a.Model, "usage": noTokens(), "choices": c.choices(a)}
}

func (c chatAPI) stream(w *eventWriter, q *request, a *answer) {
	chunk := func(index any, delta map[string]any, logprobs, reason any) {
		w.send("", map[string]any{
			"id": a.ID, "object": "chat.completion.chunk", "created": 0, "model": a.Model,
			"choices": []any{map[string]any{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}},
		})
	}
	for _, choice := range c.choices(a) {
		i := choice["index"]
		m, _ := choice["message"].(map[string]any)
		chunk(i, map[string]any{"role": "assistant", "content": ""}, nil, nil)
		logprobs := choice["logprobs"]
		for _, name := range append(chatThought(), "content", "refusal", "function_call") {
			if m[name] == nil || m[name] == "" {
				continue
			}
			chunk(i, map[string]any{name: m[name]}, logprobs, nil)
			logprobs = nil
		}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if !chatOwn(name) && m[name] != nil {
				chunk(i, map[string]any{name: m[name]}, nil, nil)
			}
		}
		if calls, ok := m["tool_calls"].([]any); ok && len(calls) > 0 {
			for n, x := range calls {
				if call, ok := x.(map[string]any); ok {
					call["index"] = n
				}
			}
			chunk(i, map[string]any{"tool_calls": calls}, nil, nil)
		}
		chunk(i, map[string]any{}, logprobs, choice["finish_reason"])
	}
	if q.Usage {
		w.send("", map[string]any{"id": a.ID, "object": "chat.completion.chunk", "created": 0, "model": a.Model, "choices": []any{}, "usage": noTokens()})
	}
	w.send("", []byte("[DONE]"))
}

func (chatAPI) failure(message string) any {
	return map[string]any{"error": map[string]any{"message": message, "type": "not_recorded", "code": "not_recorded", "param": nil}}
}
