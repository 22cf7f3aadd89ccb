package cassette

import (
	"encoding/json"
	"slices"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// messagesAPI is Anthropic's Messages.
type messagesAPI struct{}

type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	Content   json.RawMessage `json:"content"`
	IsError   bool            `json:"is_error"`
}

func (b *block) part(raw json.RawMessage) *pb.Part {
	switch b.Type {
	case "text":
		return textPart(b.Text)
	case "tool_use":
		return callPart(b.ID, b.Name, string(b.Input))
	case "tool_result":
		return resultPart(b.ToolUseID, textOf(b.Content), b.IsError)
	case "thinking", "redacted_thinking":
		return &pb.Part{Body: &pb.Part_Reasoning{Reasoning: &pb.Reasoning{Opaque: document("", raw).GetData()}}}
	}
	return dataPart(raw)
}

// blocks are the parts of a content.
func blocks(raw json.RawMessage) ([]*pb.Part, error) {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return []*pb.Part{textPart(s)}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, errRequest("a content that is neither text nor a list")
	}
	var out []*pb.Part
	for _, x := range list {
		var b block
		if err := json.Unmarshal(x, &b); err != nil {
			return nil, errRequest("a block that is none")
		}
		out = append(out, b.part(x))
	}
	return out, nil
}

func (messagesAPI) request(body []byte) (*request, error) {
	var in struct {
		Model    string            `json:"model"`
		System   json.RawMessage   `json:"system"`
		Messages []json.RawMessage `json:"messages"`
		Stream   bool              `json:"stream"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, errRequest("it is no request for a message")
	}
	q := &request{Model: in.Model, Stream: in.Stream}
	if s := textOf(in.System); s != "" {
		q.Messages = append(q.Messages, message("system", "", nil, textPart(s)))
	}
	for i, raw := range in.Messages {
		var m struct {
			Role    string
			Content json.RawMessage
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, errRequest("message %d is none", i)
		}
		parts, err := blocks(m.Content)
		if err != nil {
			return nil, err
		}
		r := m.Role
		if slices.ContainsFunc(parts, func(p *pb.Part) bool { return p.GetToolResult() != nil }) {
			// Results come first, and what a person adds stands behind them.
			n := slices.IndexFunc(parts, func(p *pb.Part) bool { return p.GetToolResult() == nil })
			if n > 0 {
				q.Messages = append(q.Messages, message("tool", "", raw, parts[:n]...), message(r, "", nil, parts[n:]...))
				continue
			}
			r = "tool"
		}
		q.Messages = append(q.Messages, message(r, "", raw, parts...))
	}
	var err error
	q.Settings, err = settings(body, "messages", "system")
	return q, err
}

func (messagesAPI) answer(body []byte) (*answer, error) {
	var in struct {
		ID      string          `json:"id"`
		Type    string          `json:"type"`
		Model   string          `json:"model"`
		Content json.RawMessage `json:"content"`
		Usage   json.RawMessage `json:"usage"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Type != "message" {
		return nil, errAnswer
	}
	parts, err := blocks(in.Content)
	if err != nil {
		return nil, errAnswer
	}
	return &answer{ID: in.ID, Model: in.Model, Parts: parts, Usage: in.Usage}, nil
}

// events joins the pieces of a streamed answer.
func (messagesAPI) events(es []event) (*answer, error) {
	a := &answer{}
	type piece struct {
		block
		more strings.Builder
	}
	var pieces []*piece
	ended := false
	for _, e := range es {
		var v struct {
			Type    string
			Index   int
			Message struct {
				ID, Model string
				Usage     json.RawMessage
			}
			Block block `json:"content_block"`
			Delta struct {
				Text    string
				Partial string `json:"partial_json"`
			}
			Usage json.RawMessage
		}
		if json.Unmarshal(e.data, &v) != nil {
			return nil, errAnswer
		}
		switch v.Type {
		case "message_start":
			a.ID, a.Model, a.Usage = v.Message.ID, v.Message.Model, v.Message.Usage
		case "content_block_start":
			pieces = append(pieces, &piece{block: v.Block})
		case "content_block_delta":
			if v.Index < 0 || v.Index >= len(pieces) {
				return nil, errAnswer
			}
			pieces[v.Index].more.WriteString(v.Delta.Text + v.Delta.Partial)
		case "message_delta":
			if len(v.Usage) > 0 {
				a.Usage = v.Usage
			}
		case "message_stop":
			ended = true
		}
	}
	if !ended {
		return nil, errAnswer
	}
	for _, p := range pieces {
		switch p.Type {
		case "text":
			a.Parts = append(a.Parts, textPart(p.Text+p.more.String()))
		case "tool_use":
			args := p.more.String()
			if args == "" {
				args = "{}"
			}
			a.Parts = append(a.Parts, callPart(p.ID, p.Name, args))
		}
	}
	return a, nil
}

// said is an answer as blocks.
func (messagesAPI) blocks(a *answer) (out []map[string]any, reason string) {
	text, calls := said(a.Parts)
	out, reason = []map[string]any{}, "end_turn"
	if text != "" {
		out = append(out, map[string]any{"type": "text", "text": text})
	}
	for _, c := range calls {
		input := json.RawMessage(arguments(c))
		if !json.Valid(input) {
			input = json.RawMessage("{}")
		}
		out = append(out, map[string]any{"type": "tool_use", "id": c.Id, "name": c.Name, "input": input})
		reason = "tool_use"
	}
	return out, reason
}

func (m messagesAPI) whole(a *answer, content any, reason any) map[string]any {
	return map[string]any{
		"id": a.ID, "type": "message", "role": "assistant", "model": a.Model, "content": content, "stop_reason": reason, "stop_sequence": nil,
		"usage": map[string]any{"input_tokens": 0, "output_tokens": 0},
	}
}

func (m messagesAPI) write(a *answer) any {
	content, reason := m.blocks(a)
	return m.whole(a, content, reason)
}

func (m messagesAPI) stream(w *eventWriter, _ *request, a *answer) {
	send := func(name string, v map[string]any) {
		v["type"] = name
		w.send(name, v)
	}
	content, reason := m.blocks(a)
	send("message_start", map[string]any{"message": m.whole(a, []any{}, nil)})
	for i, b := range content {
		if b["type"] == "text" {
			send("content_block_start", map[string]any{"index": i, "content_block": map[string]any{"type": "text", "text": ""}})
			send("content_block_delta", map[string]any{"index": i, "delta": map[string]any{"type": "text_delta", "text": b["text"]}})
		} else {
			send("content_block_start", map[string]any{"index": i, "content_block": map[string]any{"type": "tool_use", "id": b["id"], "name": b["name"], "input": map[string]any{}}})
			send("content_block_delta", map[string]any{"index": i, "delta": map[string]any{"type": "input_json_delta", "partial_json": string(b["input"].(json.RawMessage))}})
		}
		send("content_block_stop", map[string]any{"index": i})
	}
	send("message_delta", map[string]any{"delta": map[string]any{"stop_reason": reason, "stop_sequence": nil}, "usage": map[string]any{"output_tokens": 0}})
	send("message_stop", map[string]any{})
}

func (messagesAPI) failure(message string) any {
	return map[string]any{"type": "error", "error": map[string]any{"type": "invalid_request_error", "message": message}}
}
