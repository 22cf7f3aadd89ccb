package claudecode

import (
	"fmt"
	"testing"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestSpeakers: words that no person said never stand in a user's line, and a user's line has a
// result or a user's words.
func TestSpeakers(t *testing.T) {
	text, use, result := map[string]any{"type": "text"}, map[string]any{"type": "tool_use"}, map[string]any{"type": "tool_result"}
	for _, c := range []struct {
		role   pb.Role
		blocks []any
		want   string // a line each: a or u, and the number of its blocks
	}{
		{pb.Role_ROLE_USER, []any{text, text}, "u2 "},
		{pb.Role_ROLE_USER, []any{text, result}, "u2 "},
		{pb.Role_ROLE_USER, []any{text, use}, "u1 a1 "},
		{pb.Role_ROLE_ASSISTANT, []any{text, use}, "a1 a1 "},
		{pb.Role_ROLE_TOOL, []any{text}, "a1 "},
		{pb.Role_ROLE_TOOL, []any{result, result}, "u2 "},
		{pb.Role_ROLE_TOOL, []any{result, text}, "u1 a1 "},
		{pb.Role_ROLE_UNSPECIFIED, []any{text}, "a1 "},
	} {
		got := ""
		for _, l := range linesOf(&pb.Message{Role: c.role}, c.blocks) {
			who := "u"
			if l.assistant {
				who = "a"
			}
			got += fmt.Sprint(who, len(l.content), " ")
		}
		if got != c.want {
			t.Errorf("%s %v: %q, want %q", c.role, c.blocks, got, c.want)
		}
	}
}
