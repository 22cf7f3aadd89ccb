package cassette

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/harness"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// responsesAPI is OpenAI's Responses.
type responsesAPI struct{}

func (responsesAPI) name() string { return "responses" }

type responseItem struct {
	Type      string          `json:"type"`
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Arguments string          `json:"arguments"`
	Output    json.RawMessage `json:"output"`
	Input     string          `json:"input"`
}

// message is an item as a message of its own.
func (it *responseItem) message(raw json.RawMessage) (*pb.Message, error) {
	switch it.Type {
	case "", "message":
		parts, err := content(it.Content)
		return message(it.Role, it.Role, raw, parts...), err
	case "function_call":
		return message("assistant", "", raw, callPart(it.CallID, it.Name, it.Arguments)), nil
	case "custom_tool_call":
		return message("assistant", "", raw, callPart(it.CallID, it.Name, string(harness.Encode(it.Input)))), nil
	case "function_call_output", "custom_tool_call_output":
		return message("tool", "", raw, resultPart(it.CallID, textOf(it.Output), false)), nil
	case "reasoning":
		return message("assistant", "", raw, &pb.Part{Body: &pb.Part_Reasoning{Reasoning: &pb.Reasoning{Opaque: document("", raw).GetData()}}}), nil
	}
	if strings.HasSuffix(it.Type, "_call") || slices.Contains([]string{"mcp_list_tools", "mcp_approval_request", "compaction"}, it.Type) {
		return message("assistant", "", raw, dataPart(raw)), nil
	}
	return message("user", it.Type, raw, dataPart(raw)), nil
}

func (responsesAPI) request(body []byte) (*request, error) {
	var in struct {
		Model        string          `json:"model"`
		Instructions string          `json:"instructions"`
		Input        json.RawMessage `json:"input"`
		Stream       bool            `json:"stream"`
		Previous     string          `json:"previous_response_id"`
		Conversation json.RawMessage `json:"conversation"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, errRequest("it is no request for a response")
	}
	q := &request{Model: in.Model, Stream: in.Stream, Previous: in.Previous}
	if len(in.Conversation) > 0 && string(in.Conversation) != "null" {
		q.Beyond = "the conversation is kept by the provider; send its items"
	}
	if in.Instructions != "" {
		q.Messages = append(q.Messages, message("system", "", nil, textPart(in.Instructions)))
	}
	var text string
	if json.Unmarshal(in.Input, &text) == nil {
		q.Messages = append(q.Messages, message("user", "", nil, textPart(text)))
	} else {
		var items []json.RawMessage
		if err := json.Unmarshal(in.Input, &items); err != nil {
			return nil, errRequest("its input is neither text nor a list")
		}
		for i, raw := range items {
			var it responseItem
			if err := json.Unmarshal(raw, &it); err != nil {
				return nil, errRequest("item %d is none", i)
			}
			if it.Type == "item_reference" {
				q.Beyond = "it refers to items that the provider keeps; send the items"
				continue
			}
			m, err := it.message(raw)
			if err != nil {
				return nil, err
			}
			q.Messages = append(q.Messages, m)
		}
	}
	var err error
	q.Settings, err = settings(body, "input", "instructions", "previous_response_id")
	return q, err
}

func (responsesAPI) answer(body []byte) (*answer, error) {
	var in struct {
		ID     string            `json:"id"`
		Model  string            `json:"model"`
		Status string            `json:"status"`
		Output []json.RawMessage `json:"output"`
		Usage  json.RawMessage   `json:"usage"`
		Why    struct {
			Reason string `json:"reason"`
		} `json:"incomplete_details"`
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Output == nil || in.Status == "failed" || in.Status == "in_progress" || in.Status == "queued" {
		return nil, errAnswer
	}
	a := &answer{ID: in.ID, Model: in.Model, Usage: in.Usage, api: "responses", pieces: in.Output}
	if in.Status == "incomplete" {
		a.Stop = stopLength
		if in.Why.Reason == stopFilter {
			a.Stop = stopFilter
		}
	}
	for _, raw := range in.Output {
		var it responseItem
		if err := json.Unmarshal(raw, &it); err != nil {
			return nil, errAnswer
		}
		if it.Type == "message" {
			it.Role = "assistant"
		}
		m, err := it.message(raw)
		if err != nil {
			return nil, errAnswer
		}
		a.Parts = append(a.Parts, m.Parts...)
	}
	return a, nil
}

// events takes the answer out of the event that ends the stream. Some servers leave the items out of that one: they were
// said before.
func (r responsesAPI) events(es []event) (*answer, error) {
	type placed struct { // those that give no place stand in the order in which they were said
		at   int
		item json.RawMessage
	}
	var items []placed
	for _, x := range es {
		var e struct {
			Type     string                     `json:"type"`
			Response map[string]json.RawMessage `json:"response"`
			Item     json.RawMessage            `json:"item"`
			At       int                        `json:"output_index"`
		}
		if json.Unmarshal(x.data, &e) != nil {
			continue
		}
		switch e.Type {
		case "response.output_item.done":
			items = append(items, placed{e.At, e.Item})
		case "response.completed", "response.incomplete":
			var said []json.RawMessage
			if _ = json.Unmarshal(e.Response["output"], &said); e.Response != nil && len(said) == 0 && len(items) > 0 {
				slices.SortStableFunc(items, func(a, b placed) int { return a.at - b.at })
				for _, i := range items {
					said = append(said, i.item)
				}
				e.Response["output"] = harness.Encode(said)
			}
			return r.answer(harness.Encode(e.Response))
		}
	}
	return nil, errAnswer
}

// output is an answer as items of the API.
func (responsesAPI) output(a *answer) []map[string]any {
	if own, ok := a.own("responses"); ok {
		return own
	}
	text, refusal, calls := spoken(a.Parts)
	out := []map[string]any{}
	var content []any
	if text != "" || len(calls) == 0 && refusal == "" {
		content = append(content, map[string]any{"type": "output_text", "text": text, "annotations": []any{}})
	}
	if refusal != "" {
		content = append(content, map[string]any{"type": "refusal", "refusal": refusal})
	}
	if content != nil {
		out = append(out, map[string]any{"type": "message", "id": "msg_" + a.ID, "role": "assistant", "status": "completed", "content": content})
	}
	for i, c := range calls {
		out = append(out, map[string]any{
			"type": "function_call", "id": fmt.Sprintf("fc_%s_%d", a.ID, i), "call_id": c.Id, "name": c.Name, "arguments": arguments(c), "status": "completed",
		})
	}
	return out
}

func (r responsesAPI) whole(a *answer, status string, output []map[string]any) map[string]any {
	return map[string]any{
		"id": a.ID, "object": "response", "created_at": 0, "status": status, "model": a.Model, "output": output,
		"error": nil, "incomplete_details": nil, "instructions": nil, "metadata": map[string]any{}, "parallel_tool_calls": true,
		"tool_choice": "auto", "tools": []any{}, "temperature": 1, "top_p": 1,
		"usage": map[string]any{
			"input_tokens": 0, "output_tokens": 0, "total_tokens": 0,
			"input_tokens_details": map[string]any{"cached_tokens": 0, "cache_write_tokens": 0}, "output_tokens_details": map[string]any{"reasoning_tokens": 0},
		},
	}
}

func (r responsesAPI) write(a *answer) any {
	if a.Stop == "" {
		return r.whole(a, "completed", r.output(a))
	}
	out := r.whole(a, "incomplete", r.output(a))
	why := a.Stop
	if why == stopLength {
		why = "max_output_tokens"
	}
	out["incomplete_details"] = map[string]any{"reason": why}
	return out
}

func (responsesAPI) failure(message string) any { return chatAPI{}.failure(message) }
