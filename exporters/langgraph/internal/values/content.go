package values

import (
	"cmp"
	"encoding/base64"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// blocks is where JavaScript's library writes the content of a message that was made from blocks, and no content.
const blocks = "content_blocks"

// said is the content of a message.
func said(kw table) val {
	if c, ok := kw.get("content"); ok {
		return c
	}
	return kw.field(blocks)
}

// content maps what a message says: a text, or a list of blocks of many providers' shapes.
func content(v val) []*pb.Part {
	switch v.kind() {
	case kNil:
		return nil
	case kString:
		if s, ok := v.text(); ok {
			if s == "" {
				return nil
			}
			return []*pb.Part{{Body: &pb.Part_Text{Text: s}}}
		}
		return []*pb.Part{data(v)}
	case kArray:
		var out []*pb.Part
		names := served(v)
		for x := range v.items() {
			if s, ok := x.text(); ok {
				out = append(out, &pb.Part{Body: &pb.Part_Text{Text: s}})
			} else if p := service(x, names); p != nil {
				out = append(out, p)
			} else if p := block(x); p != nil {
				out = append(out, p)
			}
		}
		return out
	}
	return []*pb.Part{data(v)}
}

func data(v val) *pb.Part {
	return &pb.Part{Body: &pb.Part_Data{Data: inline("application/json", full(v))}}
}

// served are the tools that the provider itself ran, by the id of the call: those whose call and result
// both stand in content. A half alone stays as it is, since a call without a result asks for one.
func served(content val) map[string]string {
	var names map[string]string
	for x := range content.items() {
		if x.kind() != kMap || !asksService(x.str("type")) {
			continue
		}
		id := x.str("id")
		for y := range content.items() {
			if id != "" && y.kind() == kMap && answersService(y.str("type")) && answered(y) == id {
				if names == nil {
					names = map[string]string{}
				}
				names[id] = x.str("name")
			}
		}
	}
	return names
}

// asksService and answersService tell by its type whether a block is the call of a tool that the provider
// runs, or its result: of Anthropic (web_search_tool_result, …) and of LangChain, which names it otherwise in JavaScript.
func asksService(t string) bool {
	return t == "server_tool_use" || t == "server_tool_call" || t == "mcp_tool_use"
}

func answersService(t string) bool {
	return t == "server_tool_result" || t == "server_tool_call_result" || strings.HasSuffix(t, "_tool_result")
}

// answered is the id of the call that a result answers.
func answered(v val) string {
	return cmp.Or(v.str("tool_use_id"), v.str("tool_call_id"), v.str("toolCallId"))
}

// service maps the call or the result of a tool that the provider ran; nil: v is neither.
func service(v val, names map[string]string) *pb.Part {
	if len(names) == 0 || v.kind() != kMap {
		return nil
	}
	t := v.str("type")
	if _, ok := names[v.str("id")]; ok && asksService(t) {
		return toolCall(v)
	}
	id := answered(v)
	name, ok := names[id]
	if !ok || !answersService(t) {
		return nil
	}
	out := v.field("content")
	if o, has := v.get("output"); has {
		out = o
	}
	bad := v.field("is_error").yes() || v.str("status") == "error" || out.kind() == kMap && strings.HasSuffix(out.str("type"), "_error")
	return &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: id, Name: name, Output: output(out), IsError: bad}}}
}

// block maps one content block. Tool calls of the content stand in tool_calls too, and are left
// out here.
func block(v val) *pb.Part {
	switch t := v.str("type"); t {
	case "text", "output_text", "input_text", "text-plain":
		if s, ok := v.field("text").text(); ok {
			return &pb.Part{Body: &pb.Part_Text{Text: s}}
		}
	case "tool_use", "tool_call", "function_call", "tool_call_chunk", "functionCall":
		return nil
	case "tool_result": // Anthropic's
		few := [8]field{}
		fs := v.table(few[:])
		return &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{
			Id: fs.str("tool_use_id"), Output: output(fs.field("content")), IsError: fs.field("is_error").yes(),
		}}}
	case "thinking", "reasoning", "redacted_thinking":
		return reasoning(v, t)
	case "refusal":
		if s, ok := v.field("refusal").text(); ok {
			return &pb.Part{Body: &pb.Part_Refusal{Refusal: s}}
		}
	case "image", "image_url", "input_image", "audio", "input_audio", "video", "file", "input_file", "document", "media":
		if p := media(v, t); p != nil {
			return p
		}
	}
	return data(v)
}

func reasoning(v val, t string) *pb.Part {
	r := &pb.Reasoning{}
	for _, k := range []string{"thinking", "reasoning", "text"} {
		if s, ok := v.field(k).text(); ok && s != "" {
			r.Text = s
			break
		}
	}
	var sum []string
	for x := range v.field("summary").items() {
		if s := x.str("text"); s != "" {
			sum = append(sum, s)
		}
	}
	if r.Text == "" {
		r.Text = strings.Join(sum, "\n")
	}
	for k, bound := range map[string]string{"signature": "anthropic", "encrypted_content": "openai"} {
		if s, ok := v.field(k).text(); ok && s != "" {
			r.Opaque, r.BoundTo = inline("text/plain", []byte(s)), bound
		}
	}
	if s, ok := v.field("data").text(); ok && t == "redacted_thinking" {
		r.Opaque, r.BoundTo = inline("text/plain", []byte(s)), "anthropic"
	}
	return &pb.Part{Body: &pb.Part_Reasoning{Reasoning: r}}
}

// media maps images, sound and files: by URL, or bytes in base64.
func media(v val, t string) *pb.Part {
	m := &pb.Media{}
	src := v
	for _, k := range []string{"source", "image_url", "input_audio", "file"} {
		if x := v.field(k); x.kind() == kMap {
			src = x
		} else if s, ok := x.text(); ok {
			m.Url = s
		}
	}
	for _, k := range []string{"filename", "name", "title"} {
		if s := v.str(k); s != "" {
			m.Name = s
		} else {
			m.Name = cmp.Or(src.str(k), v.field("metadata").str(k))
		}
		if m.Name != "" {
			break
		}
	}
	typ := ""
	for _, k := range []string{"media_type", "mime_type", "mimeType"} {
		if s := cmp.Or(src.str(k), v.str(k)); s != "" {
			typ = s
		}
	}
	if f := src.str("format"); typ == "" && f != "" && strings.HasSuffix(t, "audio") { // OpenAI's
		typ = "audio/" + f
	}
	for _, k := range []string{"url", "file_id", "fileId", "id"} {
		if s := src.str(k); s != "" && m.Url == "" {
			m.Url = s
			if k != "url" {
				m.Url = t + ":" + s
			}
		}
	}
	raw := ""
	for _, k := range []string{"data", "base64", "file_data"} {
		if s, ok := src.field(k).text(); ok && s != "" {
			raw = s
		}
	}
	for _, s := range []string{m.Url, raw} {
		if rest, ok := strings.CutPrefix(s, "data:"); ok {
			head, body, _ := strings.Cut(rest, ",")
			raw, typ = body, strings.TrimSuffix(head, ";base64")
			if s == m.Url {
				m.Url = ""
			}
		}
	}
	if raw != "" && src.str("type") == "text" { // Anthropic's document that is plain text
		m.Data = inline(typ, []byte(raw))
	} else if raw != "" {
		if b, err := base64.StdEncoding.DecodeString(raw); err == nil {
			m.Data = inline(typ, b)
		}
	} else if b, ok := numbered(src.field("data")); ok {
		m.Data = inline(typ, b)
	}
	if m.Data == nil && m.Url == "" {
		return nil
	}
	return &pb.Part{Body: &pb.Part_Media{Media: m}}
}
