package responses

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/exitramp/exitramp/exporters/internal/jsonvalue"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// FuzzReadValue: ReadValue says of every item what Read says.
func FuzzReadValue(f *testing.F) {
	for _, s := range []string{
		`{"type":"message","id":"m","role":"user","content":[{"type":"input_text","text":"a\nb"},{"type":"input_image","image_url":"https://x"},{"type":"input_image","image":"data:x"},{"type":"refusal","refusal":"no"},7]}`,
		`{"role":"developer","content":"x"}`, `{"role":"x","content":{"a":1}}`, `{"type":"message","content":null}`, `{"role":"system","content":"\ud83d"}`, `{"content":[{"type":"text","text":"\ud83d"}]}`,
		`{"type":"function_call","call_id":"c","name":"n","arguments":"{\"a\":1}"}`, `{"type":"function_call","callId":"c","name":"n","arguments":"{"}`, `{"type":"function_call","arguments":{}}`,
		`{"type":"function_call_output","call_id":"c","output":"x"}`, `{"type":"function_call_result","callId":"c","name":"n","output":{"type":"text","text":"x"}}`, `{"type":"function_call_output","output":[1]}`,
		`{"type":"reasoning","summary":[{"type":"summary_text","text":"s"},{"text":""}],"content":[{"text":"c"}],"encrypted_content":"e"}`, `{"type":"reasoning","encryptedContent":null}`,
		`{"type":"web_search_call","id":"w"}`, `{"__enc__":1,"kid":"k"}`, `[]`, `7`, `{"type":7,"id":[]}`, `{}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, ok := jsonvalue.Parse(b)
		if !ok {
			return
		}
		want, got := &pb.Message{Meta: &pb.Meta{}}, &pb.Message{Meta: &pb.Meta{}}
		Read(want, v)
		ReadValue(got, v)
		if d := cmp.Diff(want, got, protocmp.Transform()); d != "" {
			t.Error(d)
		}
	})
}
