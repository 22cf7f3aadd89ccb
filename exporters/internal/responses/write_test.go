package responses_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/responses"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestNobodyBecomesAUser: words that no person said never stand as a user's, and a role that does
// not arrive as it was is announced.
func TestNobodyBecomesAUser(t *testing.T) {
	text := &pb.Part{Body: &pb.Part_Text{Text: "obey me"}}
	call := &pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "c", Name: "f", ArgumentsJson: []byte("{}")}}}
	result := &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "c", Output: agentstate.Inline("text/plain", []byte("done"))}}}
	media := &pb.Part{Body: &pb.Part_Media{Media: &pb.Media{Url: "https://example.com/a.png"}}}
	for role := range pb.Role_name {
		for _, parts := range [][]*pb.Part{{text}, {call}, {result}, {text, result}, {result, text}, {media, text}} {
			m := &pb.Message{Meta: agentstate.Meta("message", nil, "m"), Role: pb.Role(role), Parts: parts}
			items, losses, err := responses.Items(t.Context(), agentstate.ResolverOf(memstate.New()), responses.CallIDs(), m)
			if err != nil || len(items) == 0 {
				t.Fatal(err, items)
			}
			changed := false
			for _, raw := range items {
				got := &pb.Message{Meta: &pb.Meta{}}
				responses.Read(got, raw)
				changed = changed || got.Role != m.Role
				var o struct{ Role string }
				if err := json.Unmarshal(raw, &o); err != nil || o.Role == "user" && m.Role != pb.Role_ROLE_USER || o.Role == "system" && m.Role != pb.Role_ROLE_SYSTEM {
					t.Errorf("%s becomes %s: %v", m.Role, raw, err)
				}
			}
			said := 0
			for _, l := range losses {
				if l.Path == "role" && l.Grade == fidelity.Transformed && l.Why != "" {
					said++
				}
			}
			if changed != (said == 1) || said > 1 {
				t.Errorf("%s %v: %s; said %d times", m.Role, parts, items, said)
			}
		}
	}
}

// TestMediaWithoutAddress: a file's name at a provider is no address: a model would refuse the
// whole conversation for it.
func TestMediaWithoutAddress(t *testing.T) {
	for url, want := range map[string]int{"https://example.com/a.png": 2, "file:file-1": 1, "": 1} {
		m := &pb.Message{Meta: agentstate.Meta("message", nil, "m"), Role: pb.Role_ROLE_USER, Parts: []*pb.Part{
			{Body: &pb.Part_Text{Text: "look"}}, {Body: &pb.Part_Media{Media: &pb.Media{Url: url}}}}}
		items, losses, err := responses.Items(t.Context(), agentstate.ResolverOf(memstate.New()), responses.CallIDs(), m)
		if err != nil || len(items) != 1 {
			t.Fatal(err, items)
		}
		got := &pb.Message{Meta: &pb.Meta{}}
		responses.Read(got, items[0])
		dropped := slices.ContainsFunc(losses, func(l fidelity.Loss) bool { return l.Path == "parts.media" && l.Grade == fidelity.Dropped })
		if len(got.Parts) != want || dropped != (want == 1) {
			t.Errorf("%q: %s, %v", url, items[0], losses)
		}
	}
}

// TestNoCall: a result whose call is not there is the assistant's text: the provider refuses it otherwise. A further one of a call
// that is there is taken.
func TestNoCall(t *testing.T) {
	for name, c := range map[string]struct {
		called bool
		out    *pb.Data
		failed bool
		item   string
	}{
		"no call": {false, agentstate.Inline("text/plain", []byte("done")), false, `{"content":"A result of the call c, which waits for none:\ndone","role":"assistant"}`},
		"failed":  {false, agentstate.Inline("text/plain", []byte("done")), true, `{"content":"An error of the call c, which waits for none:\ndone","role":"assistant"}`},
		"images":  {false, agentstate.Inline("application/json", []byte(`[{"type":"text","text":"see"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAEC"}}]`)), false, `{"content":"A result of the call c, which waits for none:\nsee\n(an image)","role":"assistant"}`},
		"cut":     {false, &pb.Data{MediaType: "text/plain"}, false, ""},
		"second":  {true, agentstate.Inline("text/plain", []byte("done")), false, `{"call_id":"c","output":"done","type":"function_call_output"}`},
	} {
		m := &pb.Message{Meta: agentstate.Meta("message", nil, "m"), Role: pb.Role_ROLE_TOOL, Parts: []*pb.Part{{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "c", Output: c.out, IsError: c.failed}}}}}
		ids := responses.CallIDs()
		if c.called {
			ids.Call("c")
			ids.Result("c")
		}
		items, losses, err := responses.Items(t.Context(), agentstate.ResolverOf(memstate.New()), ids, m)
		lost := slices.ContainsFunc(losses, func(l fidelity.Loss) bool { return l.Path == "parts.tool_result" })
		if got := string(bytes.Join(items, nil)); err != nil || got != c.item || lost == c.called {
			t.Errorf("%s: %s, %v, %v", name, got, losses, err)
		}
	}
}

// TestImages: an image of a user goes as one, and so do those in a tool's result; what is too long for
// a record is named.
func TestImages(t *testing.T) {
	whole := &pb.Media{Data: agentstate.Inline("image/png", []byte{0, 1, 2})}
	long := &pb.Data{MediaType: "image/png"}
	result := func(d *pb.Data) *pb.Part {
		return &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "c", Output: d}}}
	}
	media := func(m *pb.Media) *pb.Part { return &pb.Part{Body: &pb.Part_Media{Media: m}} }
	block := []byte(`[{"type":"text","text":"see"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAEC"}}]`)
	for name, c := range map[string]struct {
		role       pb.Role
		part       *pb.Part
		item, lost string // the item, and the loss of its part
	}{
		"whole":       {pb.Role_ROLE_USER, media(whole), `{"content":[{"detail":"auto","image_url":"data:image/png;base64,AAEC","type":"input_image"}],"role":"user"}`, ""},
		"of a model":  {pb.Role_ROLE_ASSISTANT, media(whole), "", "parts.media dropped"},
		"too long":    {pb.Role_ROLE_USER, media(&pb.Media{Data: long}), "", "parts.media dropped"},
		"sound":       {pb.Role_ROLE_USER, media(&pb.Media{Data: agentstate.Inline("audio/wav", []byte{1})}), "", "parts.media dropped"},
		"in a result": {pb.Role_ROLE_TOOL, result(agentstate.Inline("application/json", block)), `{"call_id":"c","output":[{"text":"see","type":"input_text"},{"image_url":"data:image/png;base64,AAEC","type":"input_image"}],"type":"function_call_output"}`, "parts.tool_result.output transformed"},
		"no images":   {pb.Role_ROLE_TOOL, result(agentstate.Inline("application/json", []byte(`[{"type":"text","text":"see"}]`))), `{"call_id":"c","output":"[{\"type\":\"text\",\"text\":\"see\"}]","type":"function_call_output"}`, "parts.tool_result.output transformed"},
		"plain text":  {pb.Role_ROLE_TOOL, result(agentstate.Inline("text/plain", block)), `{"call_id":"c","output":"[{\"type\":\"text\",\"text\":\"see\"},{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"AAEC\"}}]","type":"function_call_output"}`, ""},
		"long result": {pb.Role_ROLE_TOOL, result(&pb.Data{MediaType: "text/plain"}), `{"call_id":"c","output":"","type":"function_call_output"}`, "parts.tool_result.output dropped"},
	} {
		m := &pb.Message{Meta: agentstate.Meta("message", nil, "m"), Role: c.role, Parts: []*pb.Part{c.part}}
		ids := responses.CallIDs()
		ids.Call("c")
		items, losses, err := responses.Items(t.Context(), agentstate.ResolverOf(memstate.New()), ids, m)
		if err != nil {
			t.Fatal(err)
		}
		got, lost := string(bytes.Join(items, nil)), ""
		for _, l := range losses {
			if strings.HasPrefix(l.Path, "parts.") {
				lost += l.Path + " " + l.Grade.String()
			}
		}
		if got != c.item || lost != c.lost {
			t.Errorf("%s: %s, lost %s", name, got, lost)
		}
	}
}
