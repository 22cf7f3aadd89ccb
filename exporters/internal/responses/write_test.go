package responses_test

import (
	"encoding/json"
	"slices"
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
			items, losses, err := responses.Items(t.Context(), agentstate.ResolverOf(memstate.New()), m)
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
		items, losses, err := responses.Items(t.Context(), agentstate.ResolverOf(memstate.New()), m)
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
