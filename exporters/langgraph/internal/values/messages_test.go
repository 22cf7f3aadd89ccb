package values

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// brief is a chat in a line.
func brief(ms []*pb.Message) string {
	var out []string
	for _, m := range ms {
		s := strings.ToLower(strings.TrimPrefix(m.Role.String(), "ROLE_"))
		for _, p := range m.Parts {
			switch b := p.Body.(type) {
			case *pb.Part_Text:
				s += " " + b.Text
			case *pb.Part_ToolCall:
				s += fmt.Sprintf(" calls %s %s %s", b.ToolCall.Id, b.ToolCall.Name, b.ToolCall.ArgumentsJson)
			case *pb.Part_ToolResult:
				s += fmt.Sprintf(" result %s %s %v", b.ToolResult.Id, b.ToolResult.Output.GetInline(), b.ToolResult.IsError)
			default:
				s += fmt.Sprintf(" %T", p.Body)
			}
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

// TestChat: chats that are not a list of LangChain's own classes.
func TestChat(t *testing.T) {
	got := map[string]string{}
	for _, g := range goldens(t) {
		if !strings.HasPrefix(g.Name, "chat_") {
			continue
		}
		b, err := hex.DecodeString(g.Hex)
		if err != nil {
			t.Fatal(err)
		}
		ms, ok, err := Chat(g.Type, b)
		if err != nil || !ok {
			t.Errorf("%s: %v, %v", g.Name, ok, err)
		}
		got[g.Name] = brief(ms)
		if j := JSON(g.Type, b, 1<<20); !strings.Contains(g.Name, "class") && !strings.Contains(g.Name, "map") {
			if ms, _, _ = Chat("json", j); brief(ms) != got[g.Name] {
				t.Errorf("%s as JSON: %s", g.Name, brief(ms))
			}
		}
	}
	want := map[string]string{
		"chat_subclass":  "user my own class",
		"chat_in_map":    "user hello; assistant hi",
		"chat_openai":    `assistant calls c1 look {"q":1}; tool result c1 found false`,
		"chat_anthropic": `assistant here calls tu1 read {"p":"/x"}; tool result tu1 no such file true`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	mixed := `[{"role":"user","content":"hi"},{"id":"u2","role":"assistant","parts":[{"type":"text","text":"ho"}]},{"step":3}]`
	if ms, ok, err := Chat("json", []byte(mixed)); err != nil || !ok || brief(ms) != "user hi; assistant *exitrampv1.Part_Data; unspecified *exitrampv1.Part_Data" {
		t.Errorf("%v, %v: %s", ok, err, brief(ms))
	}
	for _, s := range []string{`{}`, `[{"role":"user","content":"hi"},"ho"]`, `{"messages":[]}`, `{"messages":[1]}`, `[{"role":"user"}]`, `[{"type":"tool","name":"x"}]`, `"hello"`} {
		if ms, ok, err := Chat("json", []byte(s)); ok || err != nil {
			t.Errorf("%s: %v, %v", s, ms, err)
		}
	}
}
