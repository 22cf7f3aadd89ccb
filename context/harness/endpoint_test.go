package harness

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Answers of servers that are compatible, and not OpenAI's: a content in parts, calls without arguments as no text.
func TestAnswersOfServers(t *testing.T) {
	for body, want := range map[string]Answer{
		`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"It "},{"type":"text","text":"is."}]}`: {Output: []byte(`"It is."`)},
		`{"content":null,"tool_calls":[{"id":"1","function":{"name":"f","arguments":""}},{"id":"2","function":{"name":"f","arguments":" "}},{"id":"3","function":{"name":"f","arguments":"{"}}]}`: {Output: []byte(`""`),
			ToolCalls: []ToolCall{{"f", []byte("{}")}, {"f", []byte("{}")}, {"f", []byte(`"{"`)}}},
		`{"content":null,"refusal":"No."}`: {Output: []byte(`"No."`)},
	} {
		got, _, err := new(Endpoint).answer([]byte(`{"choices":[{"message":`+body+`}]}`), "")
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		if d := cmp.Diff(&want, got); d != "" {
			t.Errorf("%s: %s", body, d)
		}
	}
	if _, _, err := new(Endpoint).answer([]byte(`{"choices":[{"message":{"content":7}}]}`), ""); err == nil {
		t.Error("a number is no content")
	}
}
