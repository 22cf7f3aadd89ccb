package responses

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// An item is a Responses item, as far as it is read here.
type item struct {
	id, typ, role, content, arguments, callID, callId, name, output, summary, encrypted, encryptedJS, enc, kid jsonvalue.Value
}

// ReadValue is Read for an item that was checked: nothing is looked at twice that is not mapped.
func ReadValue(m *pb.Message, raw jsonvalue.Value) {
	if len(raw) == 0 || raw[0] != '{' {
		Read(m, raw)
		return
	}
	var o item
	raw.Members(func(name []byte, v jsonvalue.Value) {
		switch string(name) {
		case "id":
			o.id = v
		case "type":
			o.typ = v
		case "role":
			o.role = v
		case "content":
			o.content = v
		case "arguments":
			o.arguments = v
		case "call_id":
			o.callID = v
		case "callId":
			o.callId = v
		case "name":
			o.name = v
		case "output":
			o.output = v
		case "summary":
			o.summary = v
		case "encrypted_content":
			o.encrypted = v
		case "encryptedContent":
			o.encryptedJS = v
		case "__enc__":
			o.enc = v
		case "kid":
			o.kid = v
		}
	})
	if len(o.enc) > 0 {
		m.Meta.Labels = append(m.Meta.Labels, &pb.Label{Name: "encrypted", Value: o.kid.Text()})
		return
	}
	if len(o.callID) == 0 {
		o.callID = o.callId
	}
	m.NativeId = o.id.Text()
	switch typ := o.typ.Text(); typ {
	case "", "message":
		switch role := o.role.Text(); role {
		case "user":
			m.Role = pb.Role_ROLE_USER
		case "assistant":
			m.Role = pb.Role_ROLE_ASSISTANT
		case "system":
			m.Role = pb.Role_ROLE_SYSTEM
		case "developer":
			m.Role, m.NativeRole = pb.Role_ROLE_SYSTEM, role
		default:
			m.NativeRole = role
		}
		m.Parts = contentValue(o.content)
	case "function_call":
		m.Role = pb.Role_ROLE_ASSISTANT
		args, ok := textValue(o.arguments)
		c := &pb.ToolCall{Id: o.callID.Text(), Name: o.name.Text(), ArgumentsJson: []byte(args)}
		_, valid := jsonvalue.Parse(c.ArgumentsJson)
		if c.Invalid = !ok || !valid; len(args) > agentstate.SpillSize {
			c.ArgumentsJson, c.Invalid = nil, true
		}
		m.Parts = []*pb.Part{{Body: &pb.Part_ToolCall{ToolCall: c}}}
	case "function_call_output", "function_call_result":
		m.Role = pb.Role_ROLE_TOOL
		r := &pb.ToolResult{Id: o.callID.Text(), Name: o.name.Text()}
		if s, ok := textValue(o.output); ok {
			r.Output = inline("text/plain", []byte(s))
		} else if len(o.output) > 0 {
			r.Output = output(json.RawMessage(o.output))
		}
		m.Parts = []*pb.Part{{Body: &pb.Part_ToolResult{ToolResult: r}}}
	case "reasoning":
		m.Role = pb.Role_ROLE_ASSISTANT
		r := &pb.Reasoning{Text: strings.Join(append(textValues(o.summary), textValues(o.content)...), "\n")}
		if len(o.encrypted) == 0 {
			o.encrypted = o.encryptedJS
		}
		if !o.encrypted.IsNull() {
			r.Opaque, r.BoundTo = inline("application/json", bytes.Clone(o.encrypted)), "openai"
		}
		if len(r.Text) > agentstate.SpillSize {
			r.Text = ""
		}
		m.Parts = []*pb.Part{{Body: &pb.Part_Reasoning{Reasoning: r}}}
	default: // hosted tools, computer use, compactions
		m.Role, m.NativeRole = pb.Role_ROLE_ASSISTANT, typ
		m.Parts = []*pb.Part{jsonPart(json.RawMessage(raw))}
	}
}

// contentValue is content.
func contentValue(v jsonvalue.Value) []*pb.Part {
	if len(v) == 0 || v[0] != '[' {
		return content(json.RawMessage(v))
	}
	var out []*pb.Part
	v.Elements(func(p jsonvalue.Value) {
		var typ, text, refusal, url, image jsonvalue.Value
		p.Members(func(name []byte, v jsonvalue.Value) {
			switch string(name) {
			case "type":
				typ = v
			case "text":
				text = v
			case "refusal":
				refusal = v
			case "image_url":
				url = v
			case "image":
				image = v
			}
		})
		if len(url) == 0 {
			url = image
		}
		switch kind := typ.Text(); kind {
		case "input_text", "output_text", "text":
			if s, ok := textValue(text); ok {
				out = append(out, textPart(s))
				return
			}
		case "refusal":
			out = append(out, &pb.Part{Body: &pb.Part_Refusal{Refusal: refusal.Text()}})
			return
		case "input_image":
			if s, ok := textValue(url); ok && strings.HasPrefix(s, "http") {
				out = append(out, &pb.Part{Body: &pb.Part_Media{Media: &pb.Media{Url: s}}})
				return
			}
		}
		out = append(out, jsonPart(json.RawMessage(p)))
	})
	return out
}

// textValue is Text: false for what is no string, and for one that no valid text can hold.
func textValue(v jsonvalue.Value) (string, bool) {
	s := v.Text()
	if !v.IsText() || strings.ContainsRune(s, utf8.RuneError) && (bytes.Contains(v, []byte(`\ud`)) || bytes.Contains(v, []byte(`\uD`)) || !utf8.Valid(v)) {
		return s, false
	}
	return s, true
}

// textValues is texts.
func textValues(v jsonvalue.Value) (out []string) {
	v.Elements(func(p jsonvalue.Value) {
		if s := p.Get("text").Text(); s != "" {
			out = append(out, s)
		}
	})
	return out
}
