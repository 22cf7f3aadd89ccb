package claudecode

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/interop/clihome"
)

// TestResultsOfNoCall: the real CLI shows the model one result of a call and none without a call. What another runtime had
// beside that stands as text, and parts no call from its result.
func TestResultsOfNoCall(t *testing.T) {
	m, dir := newModel(t), t.TempDir()
	from, archive, home := filepath.Join(dir, "from"), filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "home")
	clihome.Put(t, filepath.Join(from, "items.json"), `[{"role":"user","content":"one"},{"type":"function_call","call_id":"c1","name":"add","arguments":"{}"},
		{"type":"function_call_output","call_id":"c1","output":"R-one"},{"type":"function_call_output","call_id":"c1","output":"R-two"},
		{"type":"function_call","call_id":"c2","name":"add","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"R-between"},
		{"type":"function_call_output","call_id":"c2","output":"R-three"},{"type":"function_call_output","call_id":"gone","output":"R-none"}]`)
	clihome.Exitramp(t, 0, "export", "openaiagents:"+from, archive)
	out := clihome.Exitramp(t, 0, "replay", archive, "claudecode:"+home, "--accept-unsigned")
	if !strings.Contains(out, "parts.tool_result") {
		t.Errorf("the replay does not say what is no result any more: %s", out)
	}
	files, err := filepath.Glob(filepath.Join(home, ".claude", "projects", "*", "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	claude(t, m, home, home, "-p", "go on", "--resume", strings.TrimSuffix(filepath.Base(files[0]), ".jsonl"))
	clihome.Says(t, m.last(), `"content":"R-one"`, "R-two", `"content":"R-three"`, "R-none", "go on")
	if strings.Contains(m.last(), "missing due to internal error") {
		t.Error("a call was parted from its result")
	}
}
