package langgraph

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestLongMessage: a message of more bytes than a record may have is shown in part, and carried whole.
func TestLongMessage(t *testing.T) {
	long := strings.Repeat("ü", 5<<19) // 5 MB
	for name, body := range loadtest.Rows(map[string]string{
		"text":   `{"role":"user","id":"m","content":"` + long + `"}`,
		"call":   `{"role":"assistant","id":"m","content":"","tool_calls":[{"id":"c","name":"n","args":{"x":"` + long + `"}}]}`,
		"result": `{"role":"tool","id":"m","tool_call_id":"c","name":"n","content":"` + long + `"}`,
		"media":  `{"role":"user","id":"m","content":[{"type":"image","filename":"n","base64":"` + strings.Repeat("AAAA", 3<<19) + `"}]}`,
		"data":   `{"role":"user","id":"m","content":[{"type":"odd","x":"` + long + `"}]}`,
		"many":   `{"role":"user","id":"m","content":["n"` + strings.Repeat(`,"`+long[:1<<20]+`"`, 5) + `]}`,
	}, "call", "many") {
		t.Run(name, func(t *testing.T) {
			p := sample(t, "js.sqlite")
			run(t, p, false, "DELETE FROM checkpoints", "DELETE FROM writes", fmt.Sprintf(`INSERT INTO checkpoints VALUES ('t', '', '1f', NULL, 'json', CAST('{"v":4,"ts":"2026-11-23T15:54:29.009Z","id":"1f",`+
				`"channel_values":{"messages":[%s]},"channel_versions":{"messages":2},"versions_seen":{}}' AS BLOB), CAST('{"source":"loop","step":1}' AS BLOB))`, body))
			src := SQLite(p)
			m, _ := drivertest.Export(t, src)
			msg := get[*pb.Message](t, m, "message/t/m")
			if n := proto.Size(msg); n > maxMessage+1<<10 {
				t.Errorf("the view has %d bytes", n)
			}
			if last := msg.Parts[len(msg.Parts)-1].GetText(); !strings.HasSuffix(last, "in the value of its channel") {
				t.Errorf("the view does not say that it is cut: %.100q", last)
			}
			if first := msg.Parts[0]; name == "call" && (first.GetToolCall().GetName() != "n" || !first.GetToolCall().GetInvalid()) || name == "result" && first.GetToolResult().GetId() != "c" || name == "media" && first.GetMedia().GetName() != "n" {
				t.Errorf("%.200v", first)
			}
			copyExact(t, src, m)
		})
	}
}
