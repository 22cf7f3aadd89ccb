// Package responses reads and writes items of OpenAI's Responses API, which several runtimes keep:
// the Agents SDK in both its languages, and Codex.
package responses

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/jsonscan"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Object is a JSON object that is not taken apart further.
type Object = map[string]json.RawMessage

// Text is the string in raw. It is false for what is no string, and for one with lone surrogates,
// which no valid text can hold.
func Text(raw json.RawMessage) (string, bool) {
	if n := len(raw) - 1; n > 0 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		return string(raw[1:n]), true // of a valid document: nothing else to look for
	}
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	if strings.ContainsRune(s, utf8.RuneError) && (bytes.Contains(raw, []byte(`\ud`)) || bytes.Contains(raw, []byte(`\uD`)) || !utf8.Valid(raw)) {
		return s, false
	}
	return s, true
}

// Plain is the string in raw, whatever it holds; empty: none.
func Plain(raw json.RawMessage) string {
	if w, ok := word(raw); ok {
		return w
	}
	s, _ := Text(raw)
	return strings.ToValidUTF8(s, "\ufffd")
}

// word is raw where it is one of the strings that nearly every item has: they need no memory.
func word(raw json.RawMessage) (string, bool) {
	switch string(raw) {
	case "":
		return "", true
	case `"user"`:
		return "user", true
	case `"assistant"`:
		return "assistant", true
	case `"message"`:
		return "message", true
	case `"function_call"`:
		return "function_call", true
	case `"function_call_output"`:
		return "function_call_output", true
	case `"input_text"`:
		return "input_text", true
	case `"output_text"`:
		return "output_text", true
	}
	return "", false
}

// First is the first of the members names of o that is there: Python writes call_id, JavaScript callId.
func First(o Object, names ...string) json.RawMessage {
	for _, n := range names {
		if v, ok := o[n]; ok {
			return v
		}
	}
	return nil
}

func jsonPart(raw json.RawMessage) *pb.Part {
	return &pb.Part{Body: &pb.Part_Data{Data: inline("application/json", bytes.Clone(raw))}}
}

// Read fills m with what the item raw says. Items that are not understood are one part of JSON.
func Read(m *pb.Message, raw []byte) {
	var few [12]jsonscan.Member
	o, ok := jsonscan.Parse(few[:0], raw)
	if !ok {
		return
	}
	if o == nil {
		if utf8.Valid(raw) {
			m.Parts = []*pb.Part{jsonPart(raw)}
		}
		return
	}
	if len(o.Get("__enc__")) > 0 {
		m.Meta.Labels = append(m.Meta.Labels, &pb.Label{Name: "encrypted", Value: Plain(o.Get("kid"))})
		return
	}
	m.NativeId = Plain(o.Get("id"))
	switch typ := Plain(o.Get("type")); typ {
	case "", "message":
		role := Plain(o.Get("role"))
		switch role {
		case "user":
			m.Role = pb.Role_ROLE_USER
		case "assistant":
			m.Role = pb.Role_ROLE_ASSISTANT
		case "system", "developer":
			m.Role = pb.Role_ROLE_SYSTEM
		}
		if role == "developer" || m.Role == 0 {
			m.NativeRole = role
		}
		m.Parts = content(o.Get("content"))
	case "function_call":
		m.Role = pb.Role_ROLE_ASSISTANT
		args, ok := Text(o.Get("arguments"))
		c := &pb.ToolCall{Id: Plain(o.Get("call_id", "callId")), Name: Plain(o.Get("name")), ArgumentsJson: []byte(args)}
		c.Invalid = !ok || !json.Valid([]byte(args))
		if len(args) > agentstate.SpillSize {
			c.ArgumentsJson, c.Invalid = nil, true
		}
		m.Parts = []*pb.Part{{Body: &pb.Part_ToolCall{ToolCall: c}}}
	case "function_call_output", "function_call_result":
		m.Role = pb.Role_ROLE_TOOL
		r := &pb.ToolResult{Id: Plain(o.Get("call_id", "callId")), Name: Plain(o.Get("name"))}
		if out := o.Get("output"); len(out) > 0 {
			r.Output = output(out)
		}
		m.Parts = []*pb.Part{{Body: &pb.Part_ToolResult{ToolResult: r}}}
	case "reasoning":
		m.Role = pb.Role_ROLE_ASSISTANT
		r := &pb.Reasoning{Text: strings.Join(append(texts(o.Get("summary")), texts(o.Get("content"))...), "\n")}
		if enc := o.Get("encrypted_content", "encryptedContent"); len(enc) > 0 && string(enc) != "null" {
			r.Opaque, r.BoundTo = inline("application/json", bytes.Clone(enc)), "openai"
		}
		if len(r.Text) > agentstate.SpillSize {
			r.Text = ""
		}
		m.Parts = []*pb.Part{{Body: &pb.Part_Reasoning{Reasoning: r}}}
	default: // hosted tools, computer use, compactions
		m.Role, m.NativeRole = pb.Role_ROLE_ASSISTANT, typ
		m.Parts = []*pb.Part{jsonPart(raw)}
	}
}

// content is the content of a message: text, or a list of parts.
func content(raw json.RawMessage) []*pb.Part {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	if s, ok := Text(raw); ok {
		return oneText(s)
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return []*pb.Part{jsonPart(raw)}
	}
	var out []*pb.Part
	for _, p := range list {
		var few [8]jsonscan.Member
		o, _ := jsonscan.Parse(few[:0], p)
		typ := Plain(o.Get("type"))
		s, ok := Text(o.Get("text"))
		switch {
		case ok && (typ == "input_text" || typ == "output_text" || typ == "text"):
			out = append(out, textPart(s))
		case typ == "refusal":
			out = append(out, &pb.Part{Body: &pb.Part_Refusal{Refusal: Plain(o.Get("refusal"))}})
		default:
			if url, ok := Text(o.Get("image_url", "image")); ok && typ == "input_image" && strings.HasPrefix(url, "http") {
				out = append(out, &pb.Part{Body: &pb.Part_Media{Media: &pb.Media{Url: url}}})
				continue
			}
			out = append(out, jsonPart(p))
		}
	}
	return out
}

// texts are the texts of a list of parts.
func texts(raw json.RawMessage) []string {
	var list []Object
	json.Unmarshal(raw, &list)
	var out []string
	for _, o := range list {
		if s := Plain(o["text"]); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// output is a tool's result: Python writes text or parts, JavaScript {"type":"text","text":…}.
func output(raw json.RawMessage) *pb.Data {
	var o Object
	if json.Unmarshal(raw, &o) == nil && Plain(o["type"]) == "text" {
		if s, ok := Text(o["text"]); ok {
			return inline("text/plain", []byte(s))
		}
	}
	if s, ok := Text(raw); ok {
		return inline("text/plain", []byte(s))
	}
	return inline("application/json", bytes.Clone(raw))
}

// textPart is a text; one that is too long for a record stands there without its bytes, which are in
// the native form.
func textPart(s string) *pb.Part { return oneText(s)[0] }

// oneText is a list of one textPart, made at once: it is what most messages have.
func oneText(s string) []*pb.Part {
	if len(s) > agentstate.SpillSize {
		return []*pb.Part{{Body: &pb.Part_Data{Data: &pb.Data{MediaType: "text/plain"}}}}
	}
	p := &struct {
		pb.Part
		text pb.Part_Text
		list [1]*pb.Part
	}{}
	p.text.Text = s
	p.Body, p.list[0] = &p.text, &p.Part
	return p.list[:]
}

// inline is b in a reading of other bytes: what is too long for a record stands there alone.
func inline(media string, b []byte) *pb.Data {
	if len(b) > agentstate.SpillSize {
		return &pb.Data{MediaType: media}
	}
	return agentstate.Inline(media, b)
}
