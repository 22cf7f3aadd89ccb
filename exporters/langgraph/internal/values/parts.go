package values

import (
	"bytes"
	"cmp"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func toolResult(kw table) *pb.Part {
	return &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{
		Id: kw.str("tool_call_id"), Name: kw.str("name"), Output: output(said(kw)), IsError: kw.str("status") == "error",
	}}}
}

// output is what a tool gave.
func output(v val) *pb.Data {
	if s, ok := v.text(); ok {
		return inline("text/plain", []byte(s))
	}
	return inline("application/json", full(v))
}

// extras are the parts that stand beside the content.
func extras(kw table, role pb.Role) []*pb.Part {
	var out []*pb.Part
	var seen map[string]bool
	saw := func(id string) {
		if seen == nil {
			seen = map[string]bool{}
		}
		seen[id] = true
	}
	for c := range kw.field("tool_calls").items() {
		p := toolCall(c)
		saw(p.GetToolCall().Id)
		out = append(out, p)
	}
	for c := range kw.field("invalid_tool_calls").items() {
		p := toolCall(c)
		p.GetToolCall().Invalid = true
		saw(p.GetToolCall().Id)
		out = append(out, p)
	}
	if role == pb.Role_ROLE_ASSISTANT {
		for c := range said(kw).items() { // as Anthropic and OpenAI have them, where nobody took them out
			t := c.str("type")
			if f := c.field(t); t == "functionCall" && seen == nil { // Google's, without an id
				out = append(out, toolCall(f))
			}
			if t != "tool_use" && t != "tool_call" && t != "function_call" {
				continue
			}
			if p := toolCall(c); !seen[p.GetToolCall().Id] {
				out = append(out, p)
			}
		}
		for _, of := range []val{kw.of, kw.field("additional_kwargs")} { // before there were tools
			if f := of.field("function_call"); f.kind() == kMap && len(out) == 0 {
				out = append(out, toolCall(f))
			}
		}
	}
	more := kw.field("additional_kwargs")
	if len(more.b) <= 2 { // null in msgpack, {}
		return out
	}
	if s := more.str("reasoning_content"); s != "" {
		out = append(out, &pb.Part{Body: &pb.Part_Reasoning{Reasoning: &pb.Reasoning{Text: s}}})
	}
	if r := more.field("reasoning"); r.kind() == kMap { // as langchain-openai had it before content had blocks
		if p := reasoning(r, ""); p.GetReasoning().Text != "" || p.GetReasoning().Opaque != nil {
			out = append(out, p)
		}
	}
	if a := more.field("audio"); a.kind() == kMap { // OpenAI's: the content is empty
		if p := media(a, "audio"); p != nil {
			out = append(out, p)
		}
		if s := a.str("transcript"); s != "" {
			out = append(out, &pb.Part{Body: &pb.Part_Text{Text: s}})
		}
	}
	if s := more.str("refusal"); s != "" {
		out = append(out, &pb.Part{Body: &pb.Part_Refusal{Refusal: s}})
	}
	for c := range more.field("tool_calls").items() { // as OpenAI has them; doubles of tool_calls are left out
		if f := c.field("function"); role == pb.Role_ROLE_ASSISTANT && f.kind() == kMap && !seen[c.str("id")] {
			out = append(out, toolCall(c))
		}
	}
	return out
}

// toolCall maps a call of LangChain ("args"), Anthropic ("input") or OpenAI ("function").
func toolCall(c val) *pb.Part {
	t := &pb.ToolCall{Id: cmp.Or(c.str("call_id"), c.str("id"))} // OpenAI's items have an id of their own beside that of the call
	if f := c.field("function"); f.kind() == kMap {
		c = f
	}
	t.Name = c.str("name")
	for _, k := range []string{"args", "input", "arguments"} {
		a, ok := c.get(k)
		if !ok {
			continue
		}
		if s, isText := a.text(); isText {
			t.ArgumentsJson = []byte(s)
		} else {
			t.ArgumentsJson = full(a)
		}
		break
	}
	return &pb.Part{Body: &pb.Part_ToolCall{ToolCall: t}}
}

// full is v as JSON: verbatim where it is JSON, rendered whole where it is msgpack.
func full(v val) []byte {
	if !v.pack {
		return bytes.Clone(v.b)
	}
	return render(v, 4*len(v.b)+1024)
}

func inline(mediaType string, b []byte) *pb.Data {
	return &pb.Data{MediaType: mediaType, Body: &pb.Data_Inline{Inline: b}}
}
