package cassette

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// messagesAPI is Anthropic's Messages.
type messagesAPI struct{}

func (messagesAPI) name() string { return "messages" }

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
	case "thinking", "redacted_thinking": // not compared
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
		ID      string            `json:"id"`
		Type    string            `json:"type"`
		Model   string            `json:"model"`
		Content []json.RawMessage `json:"content"`
		Usage   json.RawMessage   `json:"usage"`
		messageEnd
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Type != "message" {
		return nil, errAnswer
	}
	a := &answer{ID: in.ID, Model: in.Model, Usage: in.Usage, api: "messages", pieces: in.Content, end: map[string]json.RawMessage{"stop_reason": in.Reason, "stop_sequence": in.Sequence}}
	switch string(in.Reason) {
	case `"max_tokens"`:
		a.Stop = stopLength
	case `"refusal"`:
		a.Stop = stopFilter
	}
	for _, raw := range in.Content {
		var b block
		if err := json.Unmarshal(raw, &b); err != nil {
			return nil, errAnswer
		}
		a.Parts = append(a.Parts, b.part(raw))
	}
	return a, nil
}

// messageEnd is how an answer ended.
type messageEnd struct {
	Reason   json.RawMessage `json:"stop_reason"`
	Sequence json.RawMessage `json:"stop_sequence"`
}

// A streamedBlock is a block whose pieces come one by one.
type streamedBlock struct {
	members map[string]any
	input   string // JSON
}

// events joins the pieces of a streamed answer.
func (m messagesAPI) events(es []event) (*answer, error) {
	whole := map[string]any{}
	blocks := []*streamedBlock{}
	ended := false
	for _, e := range es {
		var v struct {
			Type    string
			Index   int
			Message map[string]any
			Block   map[string]any `json:"content_block"`
			Delta   map[string]json.RawMessage
			Usage   json.RawMessage
		}
		if json.Unmarshal(e.data, &v) != nil || v.Type == "error" {
			return nil, errAnswer
		}
		switch v.Type {
		case "message_start":
			whole = v.Message
		case "content_block_start":
			blocks = append(blocks, &streamedBlock{members: v.Block})
		case "content_block_delta":
			if v.Index < 0 || v.Index >= len(blocks) || blocks[v.Index].members == nil {
				return nil, errAnswer
			}
			blocks[v.Index].add(v.Delta)
		case "message_delta":
			for k, raw := range v.Delta {
				whole[k] = raw
			}
			if len(v.Usage) > 0 {
				whole["usage"] = v.Usage
			}
		case "message_stop":
			ended = true
		}
		if whole == nil {
			return nil, errAnswer
		}
	}
	if !ended {
		return nil, errAnswer
	}
	content := []any{}
	for _, b := range blocks {
		if b.input != "" {
			b.members["input"] = json.RawMessage(b.input)
			if !json.Valid([]byte(b.input)) { // it broke off; its text is what there is
				b.members["input"] = b.input
			}
		}
		content = append(content, b.members)
	}
	whole["content"], whole["type"] = content, "message"
	return m.answer(harness.Encode(whole))
}

// add takes a piece of a block: more of a text, of an input, or one of a list.
func (b *streamedBlock) add(delta map[string]json.RawMessage) {
	for name, raw := range delta {
		var s string
		text := json.Unmarshal(raw, &s) == nil
		switch {
		case name == "type":
		case name == "partial_json":
			b.input += s
		case name == "citation":
			list, _ := b.members["citations"].([]any)
			b.members["citations"] = append(list, raw)
		case text:
			was, _ := b.members[name].(string)
			b.members[name] = was + s
		}
	}
}

// blocks are an answer's: those that the API gave, or some that are made of the parts.
func (messagesAPI) blocks(a *answer) (out []map[string]any, end map[string]any) {
	end = map[string]any{"stop_reason": "end_turn", "stop_sequence": nil}
	if own, ok := a.own("messages"); ok {
		for k, v := range a.end {
			if len(v) > 0 {
				end[k] = v
			}
		}
		return own, end
	}
	text, calls := said(a.Parts)
	out = []map[string]any{}
	if text != "" {
		out = append(out, map[string]any{"type": "text", "text": text})
	}
	for _, c := range calls {
		input := json.RawMessage(arguments(c))
		if !json.Valid(input) {
			input = json.RawMessage("{}")
		}
		out = append(out, map[string]any{"type": "tool_use", "id": c.Id, "name": c.Name, "input": input})
		end["stop_reason"] = "tool_use"
	}
	switch a.Stop {
	case stopLength:
		end["stop_reason"] = "max_tokens"
	case stopFilter:
		end["stop_reason"] = "refusal"
	}
	return out, end
}

func (m messagesAPI) whole(a *answer, content any, end map[string]any) map[string]any {
	return map[string]any{
		"id": a.ID, "type": "message", "role": "assistant", "model": a.Model, "content": content, "stop_reason": end["stop_reason"], "stop_sequence": end["stop_sequence"],
		"usage": map[string]any{"input_tokens": 0, "output_tokens": 0},
	}
}

func (m messagesAPI) write(a *answer) any {
	content, end := m.blocks(a)
	return m.whole(a, content, end)
}

func (m messagesAPI) stream(w *eventWriter, _ *request, a *answer) {
	send := func(name string, v map[string]any) {
		v["type"] = name
		w.send(name, v)
	}
	content, end := m.blocks(a)
	send("message_start", map[string]any{"message": m.whole(a, []any{}, map[string]any{})})
	for i, b := range content {
		delta := func(typ, member string, v any) {
			send("content_block_delta", map[string]any{"index": i, "delta": map[string]any{"type": typ, member: v}})
		}
		empty := maps.Clone(b)
		for _, name := range []string{"text", "thinking", "signature"} {
			if empty[name] != nil {
				empty[name] = ""
			}
		}
		if empty["input"] != nil {
			empty["input"] = map[string]any{}
		}
		send("content_block_start", map[string]any{"index": i, "content_block": empty})
		switch {
		case b["input"] != nil:
			input, broken := b["input"].(string) // as it was said, up to where it broke off
			if !broken {
				input = string(harness.Encode(b["input"]))
			}
			delta("input_json_delta", "partial_json", input)
		case b["type"] == "text":
			delta("text_delta", "text", b["text"])
		case b["type"] == "thinking":
			delta("thinking_delta", "thinking", b["thinking"])
			delta("signature_delta", "signature", b["signature"])
		}
		send("content_block_stop", map[string]any{"index": i})
	}
	send("message_delta", map[string]any{"delta": end, "usage": map[string]any{"output_tokens": 0}})
	send("message_stop", map[string]any{})
}

func (messagesAPI) failure(message string) any {
	return map[string]any{"type": "error", "error": map[string]any{"type": "invalid_request_error", "message": message}}
}
