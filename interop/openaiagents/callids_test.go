package openaiagents

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// repeats is a thread of Codex in which another program counted its calls anew in each turn.
const repeats = `{"timestamp":"2026-11-24T03:00:00.000Z","type":"session_meta","payload":{"id":"01a20b77-0000-7000-8000-000000000001","timestamp":"2026-11-24T03:00:00.000Z"}}
{"type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"one"}]}}
{"type":"response_item","payload":{"type":"function_call","call_id":"call_0","name":"get_weather","arguments":"{\"city\":\"A\"}"}}
{"type":"response_item","payload":{"type":"function_call_output","call_id":"call_0","output":"rain in A"}}
{"type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"two"}]}}
{"type":"response_item","payload":{"type":"function_call","call_id":"call_0","name":"get_weather","arguments":"{\"city\":\"B\"}"}}
{"type":"response_item","payload":{"type":"function_call_output","call_id":"call_0","output":"snow in B"}}
`

// TestCallsOfOneID: the real library sends the model both calls, and both results.
func TestCallsOfOneID(t *testing.T) {
	dir := t.TempDir()
	const rollout = "sessions/2026/11/24/rollout-2026-11-24T03-00-00-01a20b77-0000-7000-8000-000000000001"
	from, archive := filepath.Join(dir, "codex"), filepath.Join(dir, "a.ctxa")
	if err := os.MkdirAll(filepath.Join(from, filepath.Dir(rollout)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, rollout+".jsonl"), []byte(repeats), 0o600); err != nil {
		t.Fatal(err)
	}
	exitramp(t, "export", "codex:"+from, archive)
	targets := map[string]string{"openaiagents:" + filepath.Join(dir, "sessions"): filepath.Join(dir, "sessions")}
	if server := os.Getenv("EXITRAMP_INTEROP_PG"); server != "" {
		must(t, "", python(t), "-c", createDatabases, server+"/postgres", "openaiagents_ids")
		targets["openaiagents+"+strings.Replace(server, "postgresql", "postgres", 1)+"/openaiagents_ids"] = server + "/openaiagents_ids"
	}
	for target, place := range targets {
		exitramp(t, "replay", archive, target, "--accept-unsigned", "--journal", filepath.Join(t.TempDir(), "journal"))
		var got []string
		for _, s := range sentOn(t, place, rollout) {
			if said := s.Arguments + s.Output; said != "" {
				got = append(got, said)
			}
		}
		if want := []string{`{"city":"A"}`, "rain in A", `{"city":"B"}`, "snow in B"}; !slices.Equal(got, want) {
			t.Errorf("%.20s: the model was sent %q, want %q", target, got, want)
		}
	}
}
