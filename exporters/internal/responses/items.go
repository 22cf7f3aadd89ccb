// Package responses reads and writes items of OpenAI's Responses API, which several runtimes keep:
// the Agents SDK in both its languages, and Codex.
package responses

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/images"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Object is a JSON object that is not taken apart further.
type Object = map[string]json.RawMessage

// Text is the string in raw, which is JSON. It is false for what is no string, and for one with lone
// surrogates, which no valid text can hold.
func Text(raw json.RawMessage) (string, bool) { return text(jsonvalue.Value(raw)) }

func text(v jsonvalue.Value) (string, bool) {
	s := v.Text()
	return s, v.IsText() && (!strings.Contains(s, "\ufffd") || v.Exact())
}

// Plain is the string in raw, which is JSON, whatever it holds; empty: none.
func Plain(raw json.RawMessage) string { return word(jsonvalue.Value(raw)) }

// word is the text of v. Those that nearly every item has need no memory.
func word(v jsonvalue.Value) string {
	switch string(v) {
	case `"user"`:
		return "user"
	case `"assistant"`:
		return "assistant"
	case `"message"`:
		return "message"
	case `"function_call"`:
		return "function_call"
	case `"function_call_output"`:
		return "function_call_output"
	case `"input_text"`:
		return "input_text"
	case `"output_text"`:
		return "output_text"
	}
	return v.Text()
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

func jsonPart(raw []byte) *pb.Part {
	return &pb.Part{Body: &pb.Part_Data{Data: inline("application/json", bytes.Clone(raw))}}
}

// An item is what is read of a Responses item.
type item struct {
	id, typ, role, content, arguments, input, callID, callId, name, output, summary, encrypted, encryptedJS, enc, kid, author jsonvalue.Value
}

func (o *item) member(name []byte, v jsonvalue.Value) {
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
	case "input":
		o.input = v
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
	case "author":
		o.author = v
	}
}

// Read fills m with what the item raw says; what is not JSON says nothing. Items that are not
// understood are one part of JSON.
func Read(m *pb.Message, raw []byte) {
	var o item
	v, ok := jsonvalue.Object(raw, o.member)
	switch {
	case !ok:
		return
	case !v.IsObject():
		if utf8.Valid(raw) {
			m.Parts = []*pb.Part{jsonPart(raw)}
		}
		return
	case len(o.enc) > 0:
		m.Meta.Labels = append(m.Meta.Labels, &pb.Label{Name: "encrypted", Value: o.kid.Text()})
		return
	}
	if len(o.callID) == 0 {
		o.callID = o.callId
	}
	m.NativeId = o.id.Text()
	switch typ := word(o.typ); typ {
	case "", "message":
		m.Role, m.NativeRole = role(word(o.role))
		m.Parts = content(o.content)
	case "function_call", "custom_tool_call":
		m.Role = pb.Role_ROLE_ASSISTANT
		if typ != "function_call" {
			m.NativeRole = typ
		}
		m.Parts = []*pb.Part{{Body: &pb.Part_ToolCall{ToolCall: o.call(typ)}}}
	case "function_call_output", "function_call_result", "custom_tool_call_output":
		m.Role = pb.Role_ROLE_TOOL
		r := &pb.ToolResult{Id: o.callID.Text(), Name: o.name.Text()}
		if len(o.output) > 0 {
			r.Output = output(o.output)
		}
		m.Parts = []*pb.Part{{Body: &pb.Part_ToolResult{ToolResult: r}}}
	case "reasoning":
		m.Role, m.Parts = pb.Role_ROLE_ASSISTANT, []*pb.Part{{Body: &pb.Part_Reasoning{Reasoning: o.reasoning()}}}
	case "agent_message": // of another agent, as /root/looker
		m.Role, m.NativeRole, m.Parts = pb.Role_ROLE_ASSISTANT, typ, content(o.content)
		if s, ok := text(o.author); ok && s != "" {
			m.AuthorPath = strings.Split(strings.Trim(s, "/"), "/")
		}
	default: // hosted tools, computer use, compactions
		m.Role, m.NativeRole = pb.Role_ROLE_ASSISTANT, typ
		m.Parts = []*pb.Part{jsonPart(raw)}
	}
}

// role is a role of the API, and its name where that says more.
func role(name string) (pb.Role, string) {
	switch name {
	case "user":
		return pb.Role_ROLE_USER, ""
	case "assistant":
		return pb.Role_ROLE_ASSISTANT, ""
	case "system":
		return pb.Role_ROLE_SYSTEM, ""
	case "developer":
		return pb.Role_ROLE_SYSTEM, name
	}
	return pb.Role_ROLE_UNSPECIFIED, name
}

// call is a call of a tool. The input of one that is not a function is free text: it stands in an object, as arguments do.
func (o *item) call(typ string) *pb.ToolCall {
	c := &pb.ToolCall{Id: o.callID.Text(), Name: o.name.Text()}
	if typ == "custom_tool_call" {
		if s, ok := text(o.input); !ok || len(s) > agentstate.SpillSize {
			c.Invalid = true
		} else {
			c.ArgumentsJson = slices.Concat([]byte(`{"input":`), o.input, []byte("}"))
		}
		return c
	}
	args, ok := text(o.arguments)
	c.ArgumentsJson = []byte(args)
	_, valid := jsonvalue.Parse(c.ArgumentsJson)
	if c.Invalid = !ok || !valid; len(args) > agentstate.SpillSize {
		c.ArgumentsJson, c.Invalid = nil, true
	}
	return c
}

func (o *item) reasoning() *pb.Reasoning {
	r := &pb.Reasoning{Text: strings.Join(append(texts(o.summary), texts(o.content)...), "\n")}
	if len(o.encrypted) == 0 {
		o.encrypted = o.encryptedJS
	}
	if !o.encrypted.IsNull() {
		r.Opaque, r.BoundTo = inline("application/json", bytes.Clone(o.encrypted)), "openai"
	}
	if len(r.Text) > agentstate.SpillSize {
		r.Text = ""
	}
	return r
}

// content is the content of a message: text, or a list of parts.
func content(v jsonvalue.Value) []*pb.Part {
	if v.IsNull() {
		return nil
	}
	if s, ok := text(v); ok {
		return oneText(s)
	}
	if !v.IsList() {
		return []*pb.Part{jsonPart(v)}
	}
	var out []*pb.Part
	v.Elements(func(p jsonvalue.Value) {
		var typ, said, refusal, url, image jsonvalue.Value
		p.Members(func(name []byte, v jsonvalue.Value) {
			switch string(name) {
			case "type":
				typ = v
			case "text":
				said = v
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
		switch word(typ) {
		case "input_text", "output_text", "text":
			if s, ok := text(said); ok {
				out = append(out, textPart(s))
				return
			}
		case "refusal":
			out = append(out, &pb.Part{Body: &pb.Part_Refusal{Refusal: refusal.Text()}})
			return
		case "input_image":
			if s, ok := text(url); ok && strings.HasPrefix(s, "http") {
				out = append(out, &pb.Part{Body: &pb.Part_Media{Media: &pb.Media{Url: s}}})
				return
			} else if m := images.FromURL(s); ok && m != nil {
				out = append(out, &pb.Part{Body: &pb.Part_Media{Media: m}})
				return
			}
		}
		out = append(out, jsonPart(p))
	})
	return out
}

// texts are the texts of a list of parts.
func texts(v jsonvalue.Value) (out []string) {
	v.Elements(func(p jsonvalue.Value) {
		if s := p.Get("text").Text(); s != "" {
			out = append(out, s)
		}
	})
	return out
}

// output is a tool's result: Python writes text or parts, JavaScript {"type":"text","text":…}.
func output(v jsonvalue.Value) *pb.Data {
	in := v
	if word(v.Get("type")) == "text" {
		in = v.Get("text")
	}
	if s, ok := text(in); ok {
		return inline("text/plain", []byte(s))
	}
	return inline("application/json", bytes.Clone(v))
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
