package responses

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/exporters/internal/images"
	"github.com/exitramp/exitramp/exporters/internal/toolname"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const noPlace = "an item has no place for it"

// Items are the items that m becomes, and what they lose. src finds what m cites.
func Items(ctx context.Context, src agentstate.Resolver, m *pb.Message) ([][]byte, []fidelity.Loss, error) {
	losses := fidelity.Lost(m, noPlace, "conversation_key", "role", "native_role", "parts", "meta.created_unix_nano")
	lose := func(path string, g fidelity.Grade, why string) {
		losses = append(losses, fidelity.Loss{Path: path, Grade: g, Why: why})
	}
	role := map[pb.Role]string{pb.Role_ROLE_USER: "user", pb.Role_ROLE_ASSISTANT: "assistant", pb.Role_ROLE_SYSTEM: "system"}[m.Role]
	if role == "system" && m.NativeRole == "developer" {
		role = "developer"
	} else if m.NativeRole != "" {
		lose("native_role", fidelity.Dropped, noPlace)
	}
	if role == "" { // a user has more authority than a tool: that would be a rise
		role = "assistant"
	}
	as := func(r pb.Role, why string) {
		said := func(l fidelity.Loss) bool { return l.Path == "role" }
		if m.Role != r && !slices.ContainsFunc(losses, said) {
			lose("role", fidelity.Transformed, why)
		}
	}
	var items [][]byte
	var said []map[string]any
	add := func(v any) error {
		b, err := encode(v)
		items = append(items, b)
		return err
	}
	flush := func() error {
		if len(said) == 0 {
			return nil
		}
		text := said
		said = nil
		switch m.Role {
		case pb.Role_ROLE_USER, pb.Role_ROLE_SYSTEM:
		case pb.Role_ROLE_TOOL:
			as(pb.Role_ROLE_ASSISTANT, "a tool's words that are no result stand as the assistant's: a user's would have more authority")
		default:
			as(pb.Role_ROLE_ASSISTANT, "not understood: stands as the assistant's, who has the least authority of those that speak")
		}
		if len(text) == 1 && text[0]["text"] != nil && text[0]["type"] != "refusal" {
			return add(map[string]any{"role": role, "content": text[0]["text"]})
		}
		return add(map[string]any{"role": role, "content": text})
	}
	kind := "input_text"
	if role == "assistant" {
		kind = "output_text"
	}
	for _, p := range m.Parts {
		var err error
		switch b := p.Body.(type) {
		case *pb.Part_Text:
			said = append(said, map[string]any{"type": kind, "text": b.Text})
		case *pb.Part_Refusal:
			said = append(said, map[string]any{"type": "refusal", "refusal": b.Refusal})
		case *pb.Part_Media:
			url, why, err := image(ctx, src, b.Media)
			if err != nil {
				return nil, nil, err
			}
			if why == "" && role == "assistant" {
				why = "only images of a user can be carried"
			}
			if why != "" {
				lose("parts.media", fidelity.Dropped, why)
				continue
			}
			said = append(said, map[string]any{"type": "input_image", "image_url": url, "detail": "auto"})
			if b.Media.Url != "" {
				lose("parts.media", fidelity.Transformed, "an image at its address")
			} else if b.Media.Name != "" {
				lose("parts.media.name", fidelity.Dropped, noPlace)
			}
		case *pb.Part_ToolCall:
			if err = flush(); err == nil {
				as(pb.Role_ROLE_ASSISTANT, "a call is the assistant's")
				args := string(b.ToolCall.ArgumentsJson)
				if !utf8.ValidString(args) {
					args = strings.ToValidUTF8(args, "\ufffd")
					lose("parts.tool_call.arguments_json", fidelity.Transformed, "bytes that are no text")
				}
				name, changed := toolname.Legal(b.ToolCall.Name)
				if changed {
					lose("parts.tool_call.name", fidelity.Transformed, toolname.Why)
				}
				err = add(map[string]any{"type": "function_call", "call_id": b.ToolCall.Id, "name": name, "arguments": args})
			}
		case *pb.Part_ToolResult:
			if err = flush(); err == nil {
				as(pb.Role_ROLE_TOOL, "a result is a tool's")
				var out []byte
				if out, err = src.Data(ctx, b.ToolResult.Output); err != nil && !errors.Is(err, agentstate.ErrUnsupported) {
					return nil, nil, err
				}
				output, why := result(out)
				switch mt := b.ToolResult.Output.GetMediaType(); {
				case Cut(b.ToolResult.Output):
					lose("parts.tool_result.output", fidelity.Dropped, "too long for a record: it stands in the source's own form alone")
				case mt != "text/plain":
					lose("parts.tool_result.output", fidelity.Transformed, why)
				default:
					output = strings.ToValidUTF8(string(out), "\ufffd")
				}
				if b.ToolResult.Name != "" {
					lose("parts.tool_result.name", fidelity.Dropped, noPlace)
				}
				if b.ToolResult.IsError {
					lose("parts.tool_result.is_error", fidelity.Dropped, noPlace)
				}
				err = add(map[string]any{"type": "function_call_output", "call_id": b.ToolResult.Id, "output": output})
			}
		case *pb.Part_Reasoning:
			lose("parts.reasoning", fidelity.Dropped, "thoughts belong to the provider that made them")
		case *pb.Part_Data:
			lose("parts.data", fidelity.Dropped, noPlace)
		case *pb.Part_Citation:
			lose("parts.citation", fidelity.Dropped, noPlace)
		case *pb.Part_Approval:
			lose("parts.approval", fidelity.Dropped, noPlace)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if err := flush(); err != nil {
		return nil, nil, err
	}
	dropped := slices.ContainsFunc(losses, func(l fidelity.Loss) bool { return strings.HasPrefix(l.Path, "parts.") && l.Grade == fidelity.Dropped })
	if len(items) == 1 && len(m.Parts) > 1 && dropped {
		lose("parts", fidelity.Transformed, "what follows a part that is dropped moves up")
	}
	if len(items) > 1 {
		lose("parts", fidelity.Transformed, fmt.Sprintf("becomes %d items", len(items)))
	}
	return items, losses, nil
}

// Cut tells whether d is a reading of something that was too long for a record, and stands there
// without its bytes.
func Cut(d *pb.Data) bool { return d != nil && d.Body == nil }

// image is the address of an image that an item can hold. why says why it can hold none.
func image(ctx context.Context, src agentstate.Resolver, m *pb.Media) (url, why string, err error) {
	switch {
	case strings.HasPrefix(m.Url, "http"): // not what names a file at a provider
		return m.Url, "", nil
	case m.Data == nil || !images.Known(m.Data.MediaType):
		return "", "only images, at an address or whole, can be carried", nil
	case Cut(m.Data):
		return "", "too long for a record: it stands in the source's own form alone", nil
	}
	b, err := src.Data(ctx, m.Data)
	return images.URL(m.Data.MediaType, b), "", err
}

// result is what an item holds of a tool's result: texts and images as parts, where there is an image;
// else text. as says what it is.
func result(out []byte) (v any, as string) {
	parts, ok := images.Result(out)
	if !ok || !images.HasImage(parts) {
		return strings.ToValidUTF8(string(out), "\ufffd"), "the result as text"
	}
	var list []map[string]any
	for _, p := range parts {
		switch {
		case p.Data != nil:
			list = append(list, map[string]any{"type": "input_image", "image_url": images.URL(p.MediaType, p.Data)})
		case p.URL != "":
			list = append(list, map[string]any{"type": "input_image", "image_url": p.URL})
		default:
			list = append(list, map[string]any{"type": "input_text", "text": p.Text})
		}
	}
	return list, "the same texts and images in a result's own parts"
}

// encode is v as the SDK writes it: without escapes of <, > and &.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}
