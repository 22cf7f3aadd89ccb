// Package responses reads and writes items of OpenAI's Responses API, which several runtimes keep:
// the Agents SDK in both its languages, and Codex.
package responses

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
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
	s, _ := Text(raw)
	return strings.ToValidUTF8(s, "\ufffd")
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
	valid := json.Valid(raw)
	var o Object
	if valid {
		o = members(raw)
	}
	if o == nil {
		if valid && utf8.Valid(raw) {
			m.Parts = []*pb.Part{jsonPart(raw)}
		}
		return
	}
	if _, ok := o["__enc__"]; ok {
		m.Meta.Labels = append(m.Meta.Labels, &pb.Label{Name: "encrypted", Value: Plain(o["kid"])})
		return
	}
	m.NativeId = Plain(o["id"])
	switch typ := Plain(o["type"]); typ {
	case "", "message":
		role := Plain(o["role"])
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
		m.Parts = content(o["content"])
	case "function_call":
		m.Role = pb.Role_ROLE_ASSISTANT
		args, ok := Text(o["arguments"])
		c := &pb.ToolCall{Id: Plain(First(o, "call_id", "callId")), Name: Plain(o["name"]), ArgumentsJson: []byte(args)}
		c.Invalid = !ok || !json.Valid([]byte(args))
		if len(args) > agentstate.SpillSize {
			c.ArgumentsJson, c.Invalid = nil, true
		}
		m.Parts = []*pb.Part{{Body: &pb.Part_ToolCall{ToolCall: c}}}
	case "function_call_output", "function_call_result":
		m.Role = pb.Role_ROLE_TOOL
		r := &pb.ToolResult{Id: Plain(First(o, "call_id", "callId")), Name: Plain(o["name"])}
		if out := o["output"]; len(out) > 0 {
			r.Output = output(out)
		}
		m.Parts = []*pb.Part{{Body: &pb.Part_ToolResult{ToolResult: r}}}
	case "reasoning":
		m.Role = pb.Role_ROLE_ASSISTANT
		r := &pb.Reasoning{Text: strings.Join(append(texts(o["summary"]), texts(o["content"])...), "\n")}
		if enc := First(o, "encrypted_content", "encryptedContent"); len(enc) > 0 && string(enc) != "null" {
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
		return []*pb.Part{textPart(s)}
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return []*pb.Part{jsonPart(raw)}
	}
	var out []*pb.Part
	for _, p := range list {
		var o Object
		json.Unmarshal(p, &o)
		typ := Plain(o["type"])
		s, ok := Text(o["text"])
		switch {
		case ok && (typ == "input_text" || typ == "output_text" || typ == "text"):
			out = append(out, textPart(s))
		case typ == "refusal":
			out = append(out, &pb.Part{Body: &pb.Part_Refusal{Refusal: Plain(o["refusal"])}})
		default:
			if url, ok := Text(First(o, "image_url", "image")); ok && typ == "input_image" && strings.HasPrefix(url, "http") {
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
func textPart(s string) *pb.Part {
	if len(s) > agentstate.SpillSize {
		return &pb.Part{Body: &pb.Part_Data{Data: &pb.Data{MediaType: "text/plain"}}}
	}
	return &pb.Part{Body: &pb.Part_Text{Text: s}}
}

// inline is b in a reading of other bytes: what is too long for a record stands there alone.
func inline(media string, b []byte) *pb.Data {
	if len(b) > agentstate.SpillSize {
		return &pb.Data{MediaType: media}
	}
	return agentstate.Inline(media, b)
}
