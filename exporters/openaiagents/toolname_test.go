package openaiagents

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/mapping"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestIllegalToolName: the provider refuses a whole conversation in which a tool has a name that it does
// not take. Such a name is changed, with its loss; a map names another, for call and result as a pair.
func TestIllegalToolName(t *testing.T) {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "c")}
	call := &pb.Message{Meta: agentstate.Meta("message", nil, "1"), ConversationKey: c.Meta.Key, Role: pb.Role_ROLE_ASSISTANT,
		Parts: []*pb.Part{{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "x", Name: "orders.lookup", ArgumentsJson: []byte(`{}`)}}}}}
	result := &pb.Message{Meta: agentstate.Meta("message", nil, "2"), ConversationKey: c.Meta.Key, Role: pb.Role_ROLE_TOOL,
		Parts: []*pb.Part{{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "x", Name: "orders.lookup", Output: agentstate.Inline("text/plain", []byte("sent"))}}}}}
	src := memstate.Whole("other", c, call, result)
	m, err := mapping.Parse([]byte("tools: {orders.lookup: lookup_order}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		m    *mapping.Map
		want string
		lost int
	}{"without a map": {nil, "orders_lookup_", 1}, "with one": {m, "lookup_order", 0}} {
		dst := Open(filepath.Join(t.TempDir(), "new"))
		j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		rep, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j, Map: tc.m})
		if err != nil {
			t.Fatal(err)
		}
		if n := rep.LossCount["message.parts.tool_call.name"]; int(n) != tc.lost && tc.m == nil {
			t.Errorf("%s: %d losses: %v", name, n, rep.Losses)
		}
		back, _ := drivertest.Export(t, dst)
		var called, answered string
		for r := range back.Records(t.Context(), nil) {
			if m, ok := r.(*pb.Message); ok {
				for _, p := range m.Parts {
					if x := p.GetToolCall(); x != nil {
						called = x.Id + " " + x.Name
					}
					if x := p.GetToolResult(); x != nil {
						answered = x.Id
					}
				}
			}
		}
		if !strings.HasPrefix(called, "x "+tc.want) || strings.Contains(called, ".") || answered != "x" {
			t.Errorf("%s: called %q, answered %q", name, called, answered)
		}
		if got, err := replay.ReadBack(t.Context(), src, dst, j); err != nil || got.UnannouncedN != 0 || got.MissingN != 0 {
			t.Errorf("%s: %v %+v", name, err, got)
		}
	}
}
