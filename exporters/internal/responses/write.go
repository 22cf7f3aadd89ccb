package responses

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/exporters/internal/callid"
	"github.com/exitramp/exitramp/exporters/internal/images"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const noPlace = "an item has no place for it"

// CallIDs are the ids of calls in one session. The SDK sends the model one of two calls of one id, with the last result;
// Codex leaves one without a result; and the provider takes each id once, of any characters, at most 64.
func CallIDs() *callid.IDs {
	return &callid.IDs{Legal: func(id string) (string, bool) {
		if n := utf8.RuneCountInString(id); n > 0 && n <= 64 {
			return id, false
		}
		return callid.Legal(id)
	}}
}

// Items are the items that m becomes, and what they lose. src finds what m cites; ids are of the session that m is in.
func Items(ctx context.Context, src agentstate.Resolver, ids *callid.IDs, m *pb.Message) ([][]byte, []fidelity.Loss, error) {
	w := itemWriter{ids: ids, Losses: Losses{Of: m, All: fidelity.Lost(m, noPlace, "conversation_key", "role", "native_role", "parts", "meta.created_unix_nano")}}
	w.role = map[pb.Role]string{pb.Role_ROLE_USER: "user", pb.Role_ROLE_ASSISTANT: "assistant", pb.Role_ROLE_SYSTEM: "system"}[m.Role]
	if w.role == "system" && m.NativeRole == "developer" {
		w.role = "developer"
	} else if m.NativeRole != "" {
		w.Lose("native_role", fidelity.Dropped, noPlace)
	}
	if w.role == "" { // a user has more authority than a tool: that would be a rise
		w.role = "assistant"
	}
	for _, p := range m.Parts {
		if err := w.part(ctx, src, p); err != nil {
			return nil, nil, err
		}
	}
	if err := w.flush(); err != nil {
		return nil, nil, err
	}
	dropped := slices.ContainsFunc(w.All, func(l fidelity.Loss) bool { return strings.HasPrefix(l.Path, "parts.") && l.Grade == fidelity.Dropped })
	if len(w.items) == 1 && len(m.Parts) > 1 && dropped {
		w.Lose("parts", fidelity.Transformed, "what follows a part that is dropped moves up")
	}
	if len(w.items) > 1 {
		w.Lose("parts", fidelity.Transformed, fmt.Sprintf("becomes %d items", len(w.items)))
	}
	return w.items, w.All, nil
}

// An itemWriter makes the items of one message.
type itemWriter struct {
	Losses
	ids   *callid.IDs
	role  string           // of what is said
	said  []map[string]any // since the last item
	items [][]byte
}

func (w *itemWriter) add(v any) error {
	b, err := encode(v)
	w.items = append(w.items, b)
	return err
}

// flush makes an item of what was said since the last one.
func (w *itemWriter) flush() error {
	if len(w.said) == 0 {
		return nil
	}
	text := w.said
	w.said = nil
	switch w.Of.Role {
	case pb.Role_ROLE_USER, pb.Role_ROLE_SYSTEM:
	case pb.Role_ROLE_TOOL:
		w.As(pb.Role_ROLE_ASSISTANT, "a tool's words that are no result stand as the assistant's: a user's would have more authority")
	default:
		w.As(pb.Role_ROLE_ASSISTANT, "not understood: stands as the assistant's, who has the least authority of those that speak")
	}
	if len(text) == 1 && text[0]["text"] != nil && text[0]["type"] != "refusal" {
		return w.add(map[string]any{"role": w.role, "content": text[0]["text"]})
	}
	return w.add(map[string]any{"role": w.role, "content": text})
}

func (w *itemWriter) part(ctx context.Context, src agentstate.Resolver, p *pb.Part) error {
	if w.Of.Role == pb.Role_ROLE_USER && p.GetToolCall() == nil && p.GetToolResult() == nil {
		w.ids.Turn()
	}
	switch b := p.Body.(type) {
	case *pb.Part_Text:
		kind := "input_text"
		if w.role == "assistant" {
			kind = "output_text"
		}
		w.said = append(w.said, map[string]any{"type": kind, "text": b.Text})
	case *pb.Part_Refusal:
		w.said = append(w.said, map[string]any{"type": "refusal", "refusal": b.Refusal})
	case *pb.Part_Media:
		return w.media(ctx, src, b.Media)
	case *pb.Part_ToolCall:
		return w.toolCall(b.ToolCall)
	case *pb.Part_ToolResult:
		return w.toolResult(ctx, src, b.ToolResult)
	case *pb.Part_Reasoning:
		w.Lose("parts.reasoning", fidelity.Dropped, "thoughts belong to the provider that made them")
	case *pb.Part_Data:
		w.Lose("parts.data", fidelity.Dropped, noPlace)
	case *pb.Part_Citation:
		w.Lose("parts.citation", fidelity.Dropped, noPlace)
	case *pb.Part_Approval:
		w.Lose("parts.approval", fidelity.Dropped, noPlace)
	}
	return nil
}

func (w *itemWriter) media(ctx context.Context, src agentstate.Resolver, m *pb.Media) error {
	url, why, err := image(ctx, src, m)
	if err != nil {
		return err
	}
	if why == "" && w.role == "assistant" {
		why = "only images of a user can be carried"
	}
	if why != "" {
		w.Lose("parts.media", fidelity.Dropped, why)
		return nil
	}
	w.said = append(w.said, map[string]any{"type": "input_image", "image_url": url, "detail": "auto"})
	if m.Url != "" {
		w.Lose("parts.media", fidelity.Transformed, "an image at its address")
	} else if m.Name != "" {
		w.Lose("parts.media.name", fidelity.Dropped, noPlace)
	}
	return nil
}

func (w *itemWriter) toolCall(c *pb.ToolCall) error {
	if err := w.flush(); err != nil {
		return err
	}
	w.As(pb.Role_ROLE_ASSISTANT, "a call is the assistant's")
	args := string(c.ArgumentsJson)
	if !utf8.ValidString(args) {
		args = strings.ToValidUTF8(args, "\ufffd")
		w.Lose("parts.tool_call.arguments_json", fidelity.Transformed, "bytes that are no text")
	}
	name, changed := callid.Legal(c.Name)
	if changed {
		w.Lose("parts.tool_call.name", fidelity.Transformed, callid.NameWhy)
	}
	id := w.ids.Call(c.Id)
	if id != c.Id {
		w.Lose("parts.tool_call.id", fidelity.Transformed, callid.Why)
	}
	return w.add(map[string]any{"type": "function_call", "call_id": id, "name": name, "arguments": args})
}

func (w *itemWriter) toolResult(ctx context.Context, src agentstate.Resolver, r *pb.ToolResult) error {
	if err := w.flush(); err != nil {
		return err
	}
	out, err := src.Data(ctx, r.Output)
	if err != nil && !errors.Is(err, agentstate.ErrUnsupported) {
		return err
	}
	id, _ := w.ids.Result(r.Id)
	if !w.ids.Called(id) {
		return w.noCall(id, r, out)
	}
	w.As(pb.Role_ROLE_TOOL, "a result is a tool's")
	output, why := result(out)
	switch mt := r.Output.GetMediaType(); {
	case Cut(r.Output):
		w.Lose("parts.tool_result.output", fidelity.Dropped, "too long for a record: it stands in the source's own form alone")
	case mt != "text/plain":
		w.Lose("parts.tool_result.output", fidelity.Transformed, why)
	default:
		output = strings.ToValidUTF8(string(out), "\ufffd")
	}
	if r.Name != "" {
		w.Lose("parts.tool_result.name", fidelity.Dropped, noPlace)
	}
	if r.IsError {
		w.Lose("parts.tool_result.is_error", fidelity.Dropped, noPlace)
	}
	if id != r.Id {
		w.Lose("parts.tool_result.id", fidelity.Transformed, callid.Why)
	}
	return w.add(map[string]any{"type": "function_call_output", "call_id": id, "output": output})
}

// noCall is a result whose call is not there: the provider refuses a session with one, and Codex leaves it out.
func (w *itemWriter) noCall(id string, r *pb.ToolResult, out []byte) error {
	const why = "its call is not there, and none is taken without"
	if Cut(r.Output) {
		w.Lose("parts.tool_result", fidelity.Dropped, why)
		return nil
	}
	w.As(pb.Role_ROLE_ASSISTANT, "a tool's words that are no result stand as the assistant's: a user's would have more authority")
	w.Lose("parts.tool_result", fidelity.Transformed, "as text: "+why)
	w.Lose("parts.text", fidelity.Transformed, "a result as text")
	return w.add(map[string]any{"role": "assistant", "content": NoCall(id, r.IsError, out)})
}

// NoCall is the text in the place of a result, whose output is out, that no call waits for.
func NoCall(id string, failed bool, out []byte) string {
	said := strings.ToValidUTF8(string(out), "\ufffd")
	if parts, ok := images.Result(out); ok {
		var texts []string
		for _, p := range parts {
			texts = append(texts, cmp.Or(p.Text, "(an image)"))
		}
		said = strings.Join(texts, "\n")
	}
	what := "A result"
	if failed {
		what = "An error"
	}
	return what + " of the call " + id + ", which waits for none:\n" + said
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
