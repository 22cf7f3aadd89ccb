package claudecode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/exporters/exportertest"
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

// TestOrigin: what a program puts where a person speaks is not the person's; what a person says elsewhere is.
func TestOrigin(t *testing.T) {
	line := func(n int, origin string) string {
		return fmt.Sprintf(`{"type":"user","uuid":"01a20b77-0000-4000-8000-00000000000%d","sessionId":"s","message":{"role":"user","content":"said %d"}%s}`+"\n", n, n, origin)
	}
	mem, _ := exportertest.Export(t, home(t, map[string]string{"projects/-w/01a20b77-0000-4000-8000-0000000000aa.jsonl": line(1, `,"origin":{"kind":"task-notification","producer":"x"}`) +
		line(2, `,"origin":{"kind":"human"}`) + line(3, "") + line(4, `,"origin":{"kind":"voice-call"}`) + line(5, `,"origin":7`)}))
	var got []string
	for r := range mem.Records(t.Context(), nil) {
		switch r := r.(type) {
		case *pb.Conversation:
			got = append(got, r.Title)
		case *pb.Message:
			got = append(got, strings.TrimPrefix(r.Role.String(), "ROLE_")+" "+r.NativeRole)
		}
	}
	if d := cmp.Diff([]string{"said 2", "UNSPECIFIED user/task-notification", "USER ", "USER ", "USER ", "USER "}, got); d != "" {
		t.Error(d)
	}
}
