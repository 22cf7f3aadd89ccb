package codex

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestDocument: a rollout of the first release is one document; it is read, and comes back to the byte.
func TestDocument(t *testing.T) {
	const rel = "sessions/rollout-2025-05-07-05cab663-bfc3-43d8-a778-216cbb3a40f2.json"
	src := home(t, map[string]string{rel: `{
  "session": {"timestamp": "2025-05-07T03:00:00.000Z", "id": "05cab663-bfc3-43d8-a778-216cbb3a40f2", "instructions": ""},
  "items": [
    {"role": "user", "content": [{"type": "input_text", "text": "ask"}], "type": "message"},
    {"id": "rs_1", "type": "reasoning", "summary": [], "duration_ms": 3},
    {"id": "fc_1", "type": "function_call", "status": "completed", "arguments": "{}", "call_id": "call_1", "name": "shell"},
    {"type": "function_call_output", "call_id": "call_1", "output": "{}"},
    {"id": "msg_1", "type": "message", "status": "completed", "content": [{"type": "output_text", "text": "say"}], "role": "assistant"}
  ]
}`, "sessions/rollout-2025-05-08-05cab663-bfc3-43d8-a778-216cbb3a40f3.json": `{"session": {"id": "x"`, "sessions/rollout-2025-05-09-05cab663-bfc3-43d8-a778-216cbb3a40f4.json": `{"items": []}`})
	mem, rep := drivertest.Export(t, src)
	var got []string
	for r := range mem.Records(t.Context(), nil) {
		switch r := r.(type) {
		case *pb.Conversation:
			got = append(got, filepath.Base(strings.ReplaceAll(r.Meta.Key, "%2F", "/"))[:18]+" "+r.Title)
		case *pb.Message:
			got = append(got, strings.TrimPrefix(r.Role.String(), "ROLE_")+" "+r.NativeId+" "+r.Parts[0].GetText()+r.Parts[0].GetToolCall().GetName()+r.Parts[0].GetToolResult().GetId())
		}
	}
	if d := cmp.Diff([]string{"rollout-2025-05-07 ask", "USER  ask", "ASSISTANT rs_1 ", "ASSISTANT fc_1 shell", "TOOL  call_1", "ASSISTANT msg_1 say", "rollout-2025-05-08 ", "rollout-2025-05-09 "}, got); d != "" {
		t.Error(d)
	}
	wantGaps := []string{"conversation sessions/rollout-2025-05-09-05cab663-bfc3-43d8-a778-216cbb3a40f4.json session_meta corrupt",
		"message sessions/rollout-2025-05-08-05cab663-bfc3-43d8-a778-216cbb3a40f3.json line 1 corrupt"}
	if d := cmp.Diff(wantGaps, drivertest.Gaps(rep)); d != "" {
		t.Error(d)
	}
	dst := Open(filepath.Join(t.TempDir(), "home"))
	drivertest.Apply(t, dst, mem)
	if d := cmp.Diff(files(t, src.root), files(t, dst.root)); d != "" {
		t.Error(d)
	}
}

// TestDocumentLimits: what is no list of items is a gap; more items than anybody has are not all read; and what is read
// before a fork counts.
func TestDocumentLimits(t *testing.T) {
	const rel = "sessions/rollout-2025-05-07-05cab663-bfc3-43d8-a778-216cbb3a40f2.json"
	for doc, want := range map[string]string{
		`{"session":{"id":"x"},"items":"abc"}`: "1 corrupt", `{"session":{"id":"x"}}`: "1 corrupt", `{"session":{"id":"x"},"items":[]}`: "",
		`{"items":[` + strings.Repeat("0,", maxItems) + `0]}`: "1048576 limit",
	} {
		w, err := home(t, map[string]string{rel: doc}).find(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		left, n, got := int64(len(doc)+1), 0, ""
		s := &segment{f: w.Files[0], left: &left, head: &head{}}
		bad := func(no int, r pb.Gap_Reason, _ string) error {
			got += fmt.Sprint(no, " ", strings.ToLower(strings.TrimPrefix(r.String(), "REASON_")))
			return nil
		}
		err = s.eachLine(nil, bad, func(int, *line) error { n++; return nil })
		if err != nil || got != want || n > maxItems || left != 1 {
			t.Errorf("%.60s: %v, %q, %d items, %d bytes left", doc, err, got, n, left)
		}
	}
}

// TestSeveralInALine: release 0.8.0 ended before it wrote the end of its last line, and went on behind it; what is said
// in such a line is read, and one that holds something else is named.
func TestSeveralInALine(t *testing.T) {
	const rel = "sessions/2025/07/25/rollout-2025-07-25T03-00-00-05cab663-bfc3-43d8-a778-216cbb3a40f2.jsonl"
	const state, said = `{"record_type":"state","previous_response_id":"resp_4"}`, `{"type":"message","role":"assistant","content":[{"type":"output_text","text":"%d"}]}`
	src := home(t, map[string]string{rel: `{"id":"05cab663-bfc3-43d8-a778-216cbb3a40f2","timestamp":"2025-07-25T03:00:00.000Z"}` + state + "\n" + state + state + "\n" +
		fmt.Sprintf(said, 1) + state + fmt.Sprintf(said, 2) + "\n" + fmt.Sprintf(said, 3) + "\n" + state + "7\n" + state + `{"type":` + "\n"})
	mem, rep := drivertest.Export(t, src)
	var got []string
	for r := range mem.Records(t.Context(), nil) {
		if m, ok := r.(*pb.Message); ok {
			got = append(got, m.Meta.Key[strings.LastIndex(m.Meta.Key, "/")+1:]+" "+m.Parts[0].GetText())
		}
	}
	if d := cmp.Diff([]string{"line%203 1", "line%203+2 2", "line%204 3"}, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"message " + rel + " line 5 corrupt", "message " + rel + " line 6 corrupt"}, drivertest.Gaps(rep)); d != "" {
		t.Error(d)
	}
}
