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
			case *pb.Part_Media:
				s += fmt.Sprintf(" %s %s %s", b.Media.Name, b.Media.Data.GetMediaType(), b.Media.Data.GetInline())
			case *pb.Part_Reasoning:
				s += " thinks " + b.Reasoning.Text
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
	for s, want := range map[string]string{
		// Beside a message the library takes a text for a person's, and a pair for role and content.
		`["hi",["ai","ho"],{"role":"user","content":"he"}]`:                              "user hi; assistant ho; user he",
		`[{"type":"chat","data":{"content":"hm","role":"critic","type":"chat"}}]`:        "unspecified hm",
		`[{"type":"human","data":{"content":"hm","role":null,"type":"human","id":"1"}}]`: "user hm",
		// Tools that the provider runs: a call with its result; one half alone stays as it came.
		`[{"role":"assistant","content":[{"type":"server_tool_use","id":"s","name":"find","input":{"q":1}},{"type":"web_search_tool_result","tool_use_id":"s","content":[1]}]}]`:         `assistant calls s find {"q":1} result s [1] false`,
		`[{"role":"assistant","content":[{"type":"server_tool_call","id":"s","name":"run","args":{}},{"type":"server_tool_result","tool_call_id":"s","status":"error","output":"no"}]}]`: "assistant calls s run {} result s no true",
		`[{"role":"assistant","content":[{"type":"server_tool_use","id":"s","name":"find","input":{}},{"type":"mcp_tool_result","tool_use_id":"t","content":[]}]}]`:                      "assistant *exitrampv1.Part_Data *exitrampv1.Part_Data",
		// Blocks that say themselves what they are.
		`[{"role":"user","content":[{"type":"file","data":"aGk=","mime_type":"application/pdf","filename":"a.pdf"},{"type":"image","source":{"media_type":"image/png","data":"aGk="}}]}]`: "user a.pdf application/pdf hi  image/png hi",
		`[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"aGk=","format":"wav"}}]}]`:                                                                               "user  audio/wav hi",
		// What OpenAI's older and newer interfaces have beside the content.
		`[{"type":"ai","content":"","additional_kwargs":{"function_call":{"name":"f","arguments":"{}"}}}]`:                                                                                                               "assistant calls  f {}",
		`[{"type":"ai","content":[{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}"}]}]`:                                                                                                    "assistant calls c1 f {}",
		`[{"type":"ai","content":[{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{}"}],"tool_calls":[{"id":"c1","name":"f","args":{}}],"additional_kwargs":{"function_call":{"name":"f"}}}]`: "assistant calls c1 f {}",
		`[{"type":"ai","content":"","additional_kwargs":{"audio":{"id":"audio_1","data":"aGk=","transcript":"spoken"}}}]`:                                                                                                "assistant   hi spoken",
		// Files and reasoning in older shapes.
		`[{"role":"user","content":[{"type":"file","file":{"filename":"a.txt","file_data":"data:text/plain;base64,aGk="}},{"type":"document","title":"d","source":{"type":"text","media_type":"text/plain","data":"ho"}}]}]`: "user a.txt text/plain hi d text/plain ho",
		`[{"type":"ai","content":"","additional_kwargs":{"reasoning":{"summary":[{"type":"summary_text","text":"why"}]}}}]`:                                                                                                  "assistant thinks why",
	} {
		if ms, ok, err := Chat("json", []byte(s)); err != nil || !ok || brief(ms) != want {
			t.Errorf("%s: %v, %v: %s, want %s", s, ok, err, brief(ms), want)
		}
	}
	for _, s := range []string{`{}`, `["hi","ho"]`, `[["user","hi"]]`, `[{"role":"user","content":"hi"},1]`, `[{"role":"user","content":"hi"},["user","a","b"]]`, `[{"role":"user","content":"hi"},["box","a"]]`, `{"messages":[]}`, `{"messages":[1]}`, `[{"role":"user"}]`, `[{"type":"tool","name":"x"}]`, `"hello"`} {
		if ms, ok, err := Chat("json", []byte(s)); ok || err != nil {
			t.Errorf("%s: %v, %v", s, ms, err)
		}
	}
}

// TestWritten: a chat that is kept as its writes is read one write at a time.
func TestWritten(t *testing.T) {
	for _, c := range []struct {
		serializer, write, want string
		reset, surely, ok       bool
	}{
		{"null", "", "", false, false, true},
		{"json", "null", "", false, false, true},
		{"json", "[]", "", false, false, true}, // a node that had nothing to say
		{"json", `"hi"`, "user hi", false, false, true},
		{"json", `["hi"]`, "user hi", false, false, true},
		{"json", `{"role":"user","content":"hi"}`, "user hi", false, true, true},
		{"json", `[{"role":"user","content":"hi"},"ho"]`, "user hi; user ho", false, true, true},
		{"msgpack", "\xc7\x26\x02\x93\xaflanggraph.types\xa9Overwrite\x81\xa5value\x91\xa2hi", "user hi", true, false, true},
		{"json", "5", "", false, false, false},
		{"json", `[5]`, "", false, false, false},
	} {
		w, ok, err := Written(c.serializer, []byte(c.write))
		if err != nil || ok != c.ok || w.Reset != c.reset || w.Surely != c.surely || ok && brief(w.Messages) != c.want {
			t.Errorf("%q: %v, %v: %+v %s", c.write, ok, err, w, brief(w.Messages))
		}
	}
}
