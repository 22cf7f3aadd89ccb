package claudecode

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/interop/clihome"
)

// TestFromCodex: a session of Codex in which ids of calls come again is resumed by the real CLI, with each result; what the
// program said there is not a person's.
func TestFromCodex(t *testing.T) {
	m := newModel(t)
	dir := t.TempDir()
	from, archive, home := filepath.Join(dir, "codex"), filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "home")
	line := func(payload string) string {
		return `{"timestamp":"2026-11-24T03:00:00.000Z","type":"response_item","payload":` + payload + "}\n"
	}
	said := func(text string) string {
		return line(`{"type":"message","role":"user","content":[{"type":"input_text","text":"` + text + `"}]}`)
	}
	called := func(id, output string) string {
		return line(`{"type":"function_call","call_id":"`+id+`","name":"shot","namespace":"mcp__pic","arguments":"{}"}`) + line(`{"type":"function_call_output","call_id":"`+id+`","output":`+output+`}`)
	}
	clihome.Put(t, filepath.Join(from, "sessions/2026/11/24/rollout-2026-11-24T03-00-00-01a20b77-0000-7000-8000-000000000001.jsonl"),
		`{"timestamp":"2026-11-24T03:00:00.000Z","type":"session_meta","payload":{"id":"01a20b77-0000-7000-8000-000000000001","timestamp":"2026-11-24T03:00:00.000Z"}}`+"\n"+
			said("<turn_aborted>canary-note</turn_aborted>")+said("<b>the first</b>")+called("call_0", `"one came"`)+
			said("the second")+called("call_0", `[{"type":"input_text","text":"two came"}]`)+called("c_9_7", `"three came"`)+called("c_9", `"four came"`)+called("c_9_8", `"five came"`))
	clihome.Exitramp(t, 0, "export", "codex:"+from, archive)
	clihome.Exitramp(t, 0, "replay", archive, "claudecode:"+home, "--accept-unsigned")
	files, err := filepath.Glob(filepath.Join(home, ".claude", "projects", "*", "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	claude(t, m, home, home, "-p", "go on", "--resume", strings.TrimSuffix(filepath.Base(files[0]), ".jsonl"))
	clihome.Says(t, m.last(), "the first", "mcp__pic__shot", "one came", "the second", "mcp__pic__shot", "two came", "three came", "four came", "five came", "go on")
	if strings.Contains(m.last(), "canary-note") {
		t.Error("the model was sent a note of another program")
	}
}
