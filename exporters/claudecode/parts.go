package claudecode

import (
	"bytes"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
	"github.com/exitramp/exitramp/exporters/internal/images"
	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// body is the message of a user's or an assistant's line.
type body struct{ role, model, content jsonvalue.Value }

func (l *line) body() body {
	if l.typ.Is("attachment") {
		return body{content: l.queued}
	}
	return readBody(l.message)
}

func readBody(v jsonvalue.Value) (b body) {
	v.Members(func(name []byte, v jsonvalue.Value) {
		switch string(name) {
		case "role":
			b.role = v
		case "model":
			b.model = v
		case "content":
			b.content = v
		}
	})
	return b
}

// parts are the content of a message: text, or blocks.
func parts(v jsonvalue.Value) []*pb.Part {
	if v.IsText() {
		if s := v.Text(); s != "" {
			return textPart(s)
		}
		return nil
	}
	var out []*pb.Part
	v.Elements(func(v jsonvalue.Value) {
		if p := part(v); out == nil {
			out = p
		} else {
			out = append(out, p...)
		}
	})
	return out
}

// textPart is a text; one that is too long for a record stands there without its bytes.
func textPart(s string) []*pb.Part {
	if len(s) > agentstate.SpillSize {
		return []*pb.Part{{Body: &pb.Part_Data{Data: &pb.Data{MediaType: "text/plain"}}}}
	}
	return homefiles.TextPart(s)
}

// A block is one of the parts of a message as the program writes it.
type block struct{ typ, text, id, name, input, toolUse, content, isError, thinking, signature, data, source jsonvalue.Value }

// part is the part that a block is, in a list of its own.
func part(raw jsonvalue.Value) []*pb.Part {
	var b block
	raw.Members(func(name []byte, v jsonvalue.Value) {
		switch string(name) {
		case "type":
			b.typ = v
		case "text":
			b.text = v
		case "id":
			b.id = v
		case "name":
			b.name = v
		case "input":
			b.input = v
		case "tool_use_id":
			b.toolUse = v
		case "content":
			b.content = v
		case "is_error":
			b.isError = v
		case "thinking":
			b.thinking = v
		case "signature":
			b.signature = v
		case "data":
			b.data = v
		case "source":
			b.source = v
		}
	})
	switch {
	case b.typ.Is("text"):
		return textPart(b.text.Text())
	case b.typ.Is("tool_use"):
		c := &pb.ToolCall{Id: b.id.Text(), Name: b.name.Text()}
		if c.Invalid = len(b.input) > agentstate.SpillSize; !c.Invalid {
			c.ArgumentsJson = bytes.Clone(b.input)
		}
		return []*pb.Part{{Body: &pb.Part_ToolCall{ToolCall: c}}}
	case b.typ.Is("tool_result"):
		r := &pb.ToolResult{Id: b.toolUse.Text(), IsError: string(b.isError) == "true"}
		if b.content.IsText() {
			r.Output = inline("text/plain", []byte(b.content.Text()))
		} else if text, ok := onlyText(b.content); ok {
			r.Output = inline("text/plain", []byte(text))
		} else if len(b.content) > 0 {
			r.Output = inline("application/json", b.content)
		}
		return []*pb.Part{{Body: &pb.Part_ToolResult{ToolResult: r}}}
	case b.typ.Is("thinking"), b.typ.Is("redacted_thinking"):
		r := &pb.Reasoning{Text: b.thinking.Text()}
		if len(r.Text) > agentstate.SpillSize {
			r.Text = ""
		}
		if sealed := append(bytes.Clone(b.signature), b.data...); len(sealed) > 0 {
			r.Opaque, r.BoundTo = inline("application/json", sealed), "anthropic"
		}
		return []*pb.Part{{Body: &pb.Part_Reasoning{Reasoning: r}}}
	case b.typ.Is("image") && b.source.Get("type").Is("url"):
		return []*pb.Part{{Body: &pb.Part_Media{Media: &pb.Media{Url: b.source.Get("url").Text()}}}}
	case b.typ.Is("image") && b.source.Get("type").Is("base64"):
		if m := images.Decode(b.source.Get("media_type").Text(), b.source.Get("data").Text()); m != nil {
			return []*pb.Part{{Body: &pb.Part_Media{Media: m}}}
		}
	}
	return []*pb.Part{{Body: &pb.Part_Data{Data: inline("application/json", raw)}}}
}

// onlyText joins blocks that are all text.
func onlyText(v jsonvalue.Value) (string, bool) {
	var out []string
	ok := true
	v.Elements(func(v jsonvalue.Value) {
		ok = ok && v.Get("type").Is("text")
		out = append(out, v.Get("text").Text())
	})
	return strings.Join(out, "\n"), ok && len(out) > 0
}

// inline is a copy of b in a reading of other bytes: what is too long for a record stands there alone.
func inline(media string, b []byte) *pb.Data {
	if len(b) > agentstate.SpillSize {
		return &pb.Data{MediaType: media}
	}
	return agentstate.Inline(media, bytes.Clone(b))
}
