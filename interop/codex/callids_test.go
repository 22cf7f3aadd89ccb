package codex

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/exitramp/exitramp/interop/clihome"
)

// TestCallsOfOneID: another runtime counted its calls anew in each turn, and the first one has no result. The real CLI says so
// to the model, which it does not where a later call has the same id, and each other call has its own result.
func TestCallsOfOneID(t *testing.T) {
	m, dir, home, work := atWork(t)
	from, archive := filepath.Join(dir, "from"), filepath.Join(dir, "a.ctxa")
	clihome.Put(t, filepath.Join(from, "items.json"), `[{"role":"user","content":"one"},{"type":"function_call","call_id":"call_0","name":"add","arguments":"{\"a\":1}"},
		{"role":"user","content":"two"},{"type":"function_call","call_id":"call_0","name":"add","arguments":"{\"a\":2}"},{"type":"function_call_output","call_id":"call_0","output":"two came"},
		{"role":"user","content":"three"},{"type":"function_call","call_id":"call_0","name":"add","arguments":"{\"a\":3}"},{"type":"function_call_output","call_id":"call_0","output":"three came"},{"type":"function_call_output","call_id":"gone","output":"of none"}]`)
	clihome.Exitramp(t, 0, "export", "openaiagents:"+from, archive)
	clihome.Exitramp(t, 0, "replay", archive, "codex:"+home, "--accept-unsigned")
	codex(t, home, work, "resume", uuid.FindString(filepath.Base(rollouts(t, home)[0])), "go on")
	clihome.Says(t, m.last(), "three came", "of none") // which the CLI leaves out as a result
	called, results := []string{}, map[string][]string{}
	for _, raw := range m.input {
		var o struct {
			Type, Arguments, Output string
			ID                      string `json:"call_id"`
		}
		json.Unmarshal(raw, &o) // contents are lists, and of no interest
		switch o.Type {
		case "function_call":
			called = append(called, o.ID, o.Arguments)
		case "function_call_output":
			results[o.ID] = append(results[o.ID], o.Output)
		}
	}
	var got []string
	for c := range slices.Chunk(called, 2) {
		got = append(append(got, c[1]), results[c[0]]...)
	}
	if want := []string{`{"a":1}`, "aborted", `{"a":2}`, "two came", `{"a":3}`, "three came"}; !slices.Equal(got, want) {
		t.Errorf("the CLI sends %q, want %q", got, want)
	}
}
