package claudecode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/exporters/internal/callid"
	"github.com/exitramp/exitramp/exporters/internal/images"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// blocks are the content blocks that m becomes, and what they lose.
func (w *writer) blocks(ctx context.Context, s *session, m *pb.Message) ([]any, []fidelity.Loss, error) {
	b := blockWriter{ids: s.ids, Losses: responses.Losses{Of: m, All: fidelity.Lost(m, noPlace, "conversation_key", "role", "parts", "native_id", "position", "parent_key", "meta.created_unix_nano", "meta.view_of_keys", "model")}}
	for _, p := range m.Parts {
		if err := b.part(ctx, w.run.Source, p); err != nil {
			return nil, nil, err
		}
	}
	if len(b.out) > 0 && len(b.out) < len(m.Parts) {
		b.Lose("parts", fidelity.Transformed, "what follows a part that is dropped moves up")
	}
	return b.out, b.All, nil
}

// A blockWriter makes the blocks of one message.
type blockWriter struct {
	responses.Losses
	ids *callid.IDs
	out []any
}

func (w *blockWriter) part(ctx context.Context, src agentstate.Resolver, p *pb.Part) error {
	if w.Of.Role == pb.Role_ROLE_USER && p.GetToolCall() == nil && p.GetToolResult() == nil {
		w.ids.Turn()
	}
	switch b := p.Body.(type) {
	case *pb.Part_Text:
		w.text(b.Text)
	case *pb.Part_Refusal:
		w.text(b.Refusal)
		w.Lose("parts.refusal", fidelity.Transformed, "as text")
		w.Lose("parts.text", fidelity.Transformed, "a refusal as text")
	case *pb.Part_ToolCall:
		w.toolCall(b.ToolCall)
	case *pb.Part_ToolResult:
		return w.toolResult(ctx, src, b.ToolResult)
	case *pb.Part_Media:
		return w.media(ctx, src, b.Media)
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

func (w *blockWriter) text(s string) {
	if s == "" { // the API refuses empty text
		w.Lose("parts.text", fidelity.Dropped, "empty text")
		return
	}
	switch w.Of.Role {
	case pb.Role_ROLE_USER:
	case pb.Role_ROLE_TOOL:
		w.As(pb.Role_ROLE_ASSISTANT, "a tool's words that are no result stand as the assistant's: a user's would have more authority")
	default:
		w.As(pb.Role_ROLE_ASSISTANT, "not understood: stands as the assistant's, who has the least authority of those that speak")
	}
	w.out = append(w.out, map[string]any{"type": "text", "text": s})
}

func (w *blockWriter) toolCall(c *pb.ToolCall) {
	input := json.RawMessage(c.ArgumentsJson)
	var o map[string]json.RawMessage
	if json.Unmarshal(input, &o) != nil || o == nil {
		input, _ = json.Marshal(map[string]string{"arguments": valid(string(c.ArgumentsJson))}) // of text: it cannot fail
		w.Lose("parts.tool_call", fidelity.Transformed, "arguments that are no JSON object stand as text in one")
	} else if bytes.ContainsAny(input, " \n\t") {
		w.Lose("parts.tool_call.arguments_json", fidelity.Equivalent, "the same JSON without spaces")
	}
	w.As(pb.Role_ROLE_ASSISTANT, "a call is the assistant's")
	name, changed := callid.Legal(c.Name)
	if changed {
		w.Lose("parts.tool_call.name", fidelity.Transformed, callid.NameWhy)
	}
	id := w.ids.Call(c.Id)
	if id != c.Id {
		w.Lose("parts.tool_call.id", fidelity.Transformed, callid.Why)
	}
	w.out = append(w.out, map[string]any{"type": "tool_use", "id": id, "name": name, "input": input})
}

func (w *blockWriter) toolResult(ctx context.Context, src agentstate.Resolver, r *pb.ToolResult) error {
	d, err := src.Data(ctx, r.Output)
	if err != nil && !errors.Is(err, agentstate.ErrUnsupported) {
		return err
	}
	id, waits := w.ids.Result(r.Id)
	if !waits {
		w.noResult(id, r, d)
		return nil
	}
	content, why := any(valid(string(d))), "the result as text"
	if parts, ok := images.Result(d); ok && images.HasImage(parts) {
		content, why = blocksOf(parts), "the same texts and images in a result's own blocks"
	}
	switch mt := r.Output.GetMediaType(); {
	case responses.Cut(r.Output):
		w.Lose("parts.tool_result.output", fidelity.Dropped, "too long for a record: it stands in the source's own form alone")
	case mt != "text/plain":
		w.Lose("parts.tool_result.output", fidelity.Transformed, why)
	default:
		content = valid(string(d))
	}
	if r.Name != "" {
		w.Lose("parts.tool_result.name", fidelity.Dropped, noPlace)
	}
	w.As(pb.Role_ROLE_TOOL, "a result is a tool's")
	if id != r.Id {
		w.Lose("parts.tool_result.id", fidelity.Transformed, callid.Why)
	}
	w.out = append(w.out, map[string]any{"type": "tool_result", "tool_use_id": id, "content": content, "is_error": r.IsError})
	return nil
}

// noResult puts text for a result that no call waits for: the program shows the model one result of a call, and none
// without a call. d is its output.
func (w *blockWriter) noResult(id string, r *pb.ToolResult, d []byte) {
	const why = "the program shows the model one result of a call, and none without a call"
	beside := slices.ContainsFunc(w.out, func(b any) bool { return b.(map[string]any)["type"] == "tool_result" })
	// It would be the user's words, or stand between a call and its result, where the program would leave out that as well,
	// or behind a result, as a message that the source does not have.
	if w.Of.Role == pb.Role_ROLE_USER || w.ids.Waiting() || beside || responses.Cut(r.Output) {
		w.Lose("parts.tool_result", fidelity.Dropped, why)
		return
	}
	w.text(responses.NoCall(id, r.IsError, d))
	w.Lose("parts.tool_result", fidelity.Transformed, "as text: "+why)
	w.Lose("parts.text", fidelity.Transformed, "a result as text")
}

func (w *blockWriter) media(ctx context.Context, src agentstate.Resolver, m *pb.Media) error {
	d := m.Data
	switch whole := d != nil && images.Known(d.MediaType); {
	case w.Of.Role != pb.Role_ROLE_USER:
		w.Lose("parts.media", fidelity.Dropped, "only images of a user can be carried")
	case strings.HasPrefix(m.Url, "http"): // not what names a file at a provider
		w.out = append(w.out, image(images.Part{URL: m.Url}))
	case !whole:
		w.Lose("parts.media", fidelity.Dropped, "only images, at an address or whole, can be carried")
	case responses.Cut(d):
		w.Lose("parts.media", fidelity.Dropped, "too long for a record: it stands in the source's own form alone")
	default:
		data, err := src.Data(ctx, d)
		if err != nil {
			return err
		}
		w.out = append(w.out, image(images.Part{MediaType: d.MediaType, Data: data}))
		if m.Name != "" {
			w.Lose("parts.media.name", fidelity.Dropped, noPlace)
		}
	}
	return nil
}
