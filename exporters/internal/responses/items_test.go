package responses

import (
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestCustomTool: a call whose input is free text, as Codex patches files, is a call like any other.
func TestCustomTool(t *testing.T) {
	call, result := &pb.Message{Meta: &pb.Meta{}}, &pb.Message{Meta: &pb.Meta{}}
	Read(call, []byte(`{"type":"custom_tool_call","id":"ctc_1","call_id":"c1","name":"apply_patch","input":"*** Begin\n+\"é\""}`))
	Read(result, []byte(`{"type":"custom_tool_call_output","call_id":"c1","output":"Success"}`))
	c := call.Parts[0].GetToolCall()
	if c == nil || c.Id != "c1" || c.Name != "apply_patch" || string(c.ArgumentsJson) != `{"input":"*** Begin\n+\"é\""}` || c.Invalid || call.Role != pb.Role_ROLE_ASSISTANT {
		t.Errorf("%v", call)
	}
	if r := result.Parts[0].GetToolResult(); r == nil || r.Id != "c1" || string(r.Output.GetInline()) != "Success" || result.Role != pb.Role_ROLE_TOOL {
		t.Errorf("%v", result)
	}
	lone := &pb.Message{Meta: &pb.Meta{}}
	if Read(lone, []byte(`{"type":"custom_tool_call","name":"x","input":"\ud83d"}`)); !lone.Parts[0].GetToolCall().GetInvalid() {
		t.Errorf("%v", lone)
	}
}

// TestReplaced: a text that has U+FFFD beside characters that Python escapes is a text.
func TestReplaced(t *testing.T) {
	m := &pb.Message{Meta: &pb.Meta{}}
	if Read(m, []byte(`{"role":"user","content":"\ufffd \ud83d\ude42"}`)); len(m.Parts) != 1 || m.Parts[0].GetText() != "\ufffd 🙂" {
		t.Errorf("%v", m)
	}
}

// TestAgentMessage: what one agent says to another is read as words, by whom; sealed words stay sealed.
func TestAgentMessage(t *testing.T) {
	m := &pb.Message{Meta: &pb.Meta{}}
	Read(m, []byte(`{"type":"agent_message","id":"a1","author":"/root/looker","recipient":"/root","content":[{"type":"input_text","text":"It is rye."},{"type":"encrypted_content","encrypted_content":"c2VhbGVk"}]}`))
	if m.NativeId != "a1" || m.Role != pb.Role_ROLE_ASSISTANT || m.NativeRole != "agent_message" || len(m.AuthorPath) != 2 || m.AuthorPath[1] != "looker" || len(m.Parts) != 2 ||
		m.Parts[0].GetText() != "It is rye." || string(m.Parts[1].GetData().GetInline()) != `{"type":"encrypted_content","encrypted_content":"c2VhbGVk"}` {
		t.Errorf("%v", m)
	}
}

// FuzzRead: whatever an item holds becomes valid text, under the names that encoding/json finds.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		`{"type":"message","id":"m","role":"user","content":[{"type":"input_text","text":"a\nb"},{"type":"input_image","image_url":"https://x"},{"type":"input_image","image":"data:x"},{"type":"refusal","refusal":"no"},7]}`,
		`{"role":"developer","content":"x"}`, `{"role":"x","content":{"a":1}}`, `{"type":"message","content":null}`, `{"role":"system","content":"\ud83d"}`, `{"content":[{"type":"text","text":"\ud83d"}]}`,
		`{"type":"function_call","call_id":"c","name":"n","arguments":"{\"a\":1}"}`, `{"type":"function_call","callId":"c","name":"n","arguments":"{"}`, `{"type":"function_call","arguments":{}}`,
		`{"type":"function_call_output","call_id":"c","output":"x"}`, `{"type":"function_call_result","callId":"c","name":"n","output":{"type":"text","text":"x"}}`, `{"type":"function_call_output","output":[1]}`,
		`{"type":"reasoning","summary":[{"type":"summary_text","text":"s"},{"text":""}],"content":[{"text":"c"}],"encrypted_content":"e"}`, `{"type":"reasoning","encryptedContent":null}`,
		`{"type":"custom_tool_call","call_id":"c","name":"apply_patch","input":"*** Begin"}`, `{"type":"custom_tool_call","input":"\ud83d"}`, `{"type":"custom_tool_call","input":7}`, `{"type":"custom_tool_call_output","call_id":"c","output":"x"}`,
		`{"type":"agent_message","author":"/\ud83d/é","content":"x"}`, `{"type":"agent_message","author":7,"content":[7]}`, `{"type":"web_search_call","id":"w"}`, `{"__enc__":1,"kid":"k"}`, `[]`, `7`, `{"type":7,"id":[]}`, `{}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &pb.Message{Meta: &pb.Meta{}}
		Read(m, b)
		var o struct {
			ID, Type  string
			Encrypted json.RawMessage
		}
		switch exact := map[string]json.RawMessage{}; {
		case !json.Valid(b):
			if !proto.Equal(m, &pb.Message{Meta: &pb.Meta{}}) {
				t.Errorf("what is not JSON became %v", m)
			}
			return
		case json.Unmarshal(b, &exact) == nil:
			json.Unmarshal(exact["id"], &o.ID)
			json.Unmarshal(exact["type"], &o.Type)
			o.Encrypted = exact["__enc__"]
		}
		if o.Encrypted == nil && m.NativeId != o.ID {
			t.Errorf("id %q, want %q", m.NativeId, o.ID)
		}
		if o.Type == "function_call" && o.Encrypted == nil && m.Parts[0].GetToolCall() == nil {
			t.Errorf("a call became %v", m)
		}
		if _, err := proto.Marshal(m); err != nil { // text that is none
			t.Error(err)
		}
	})
}
