package claudecode

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/interop/clihome"
)

// notCarried are the files of a home that are none of its state.
var notCarried = regexp.MustCompile(`^(\.claude\.json|\.cache/.*|\.npm/.*|\.local/.*|\.config/.*|\.claude/(\.credentials\.json|\.last-cleanup|backups/.*|cache/.*|debug/.*|daemon.*|ide/.*|logs/.*|plugins/(store|cache|marketplaces)/.*|plugins/[^/]*\.json|session-env/.*|sessions/.*|shell-snapshots/.*|state/.*|statsig/.*|stats-cache\.json|telemetry/.*|mcp-.*|policy-limits\.json|remote-settings\.json))$`)

// TestShapes: the real CLI makes sessions of many shapes; every file of its home arrives, to the byte, or is
// one of those that are left out; no secret is in the archive; in the copy the CLI goes on.
func TestShapes(t *testing.T) {
	m := newModel(t)
	home, work := folders(t)
	bash := func(cmd string) object {
		return object{"type": "tool_use", "name": "Bash", "input": object{"command": cmd, "description": "run it"}}
	}
	say := object{"type": "text", "text": "found"}
	m.script = map[string][]object{
		"do: a lot of output": {bash("seq 1 60000")},
		"do: fail":            {bash("exit 3")},
		"do: think":           {object{"type": "thinking", "thinking": "I weigh it.", "signature": "c2VhbGVk"}, say},
		"do: look at it":      {object{"type": "tool_use", "name": "Read", "input": object{"file_path": filepath.Join(work, "p.png")}}},
		"do: write it":        {object{"type": "tool_use", "name": "Write", "input": object{"file_path": filepath.Join(work, "new.txt"), "content": "rye\n"}}},
		"do: note it":         {object{"type": "tool_use", "name": "TodoWrite", "input": object{"todos": []any{object{"content": "knead", "status": "in_progress", "activeForm": "kneading"}}}}},
		"do: ask another":     {object{"type": "tool_use", "name": "Agent", "input": object{"description": "look", "prompt": "please list files", "subagent_type": "general-purpose"}}},
		"do: search": {object{"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": object{"query": "rye"}},
			object{"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []any{object{"type": "web_search_result", "url": "https://example.org", "title": "Rye", "encrypted_content": "c2VhbGVk"}}}, say},
		"do: plan it": {object{"type": "tool_use", "name": "ExitPlanMode", "input": object{"plan": "1. knead\n2. bake\n"}}},
	}
	file := func(rel string) string { return filepath.Join(home, ".claude", rel) }
	clihome.Put(t, file("CLAUDE.md"), "Say canary-memory.\n")
	clihome.Put(t, file("agents/reviewer.md"), "---\nname: reviewer\ndescription: reads changes\n---\n\nYou review.\n")
	clihome.Put(t, file("skills/rye/SKILL.md"), "---\nname: rye\ndescription: bakes rye\n---\nKnead.\n")
	clihome.Put(t, file("skills/rye/scripts/knead.sh"), "echo knead\n")
	clihome.Put(t, file("commands/plan.md"), "Plan it.\n")
	clihome.Put(t, file("output-styles/short.md"), "---\nname: short\n---\nBe short.\n")
	clihome.Put(t, file("rules/units.md"), "Metric.\n")
	clihome.Put(t, file("hooks/check.sh"), "#!/bin/sh\nexit 0\n")
	clihome.Put(t, file("plans/old.md"), "1. bake\n")
	clihome.Put(t, file("history.jsonl"), `{"display":"é 🙂","pastedContents":{},"timestamp":1,"project":"/w"}`+"\n")
	clihome.Put(t, file("agent-memory/reviewer/MEMORY.md"), "# Notes\n")
	clihome.Put(t, file(".credentials.json"), `{"claudeAiOauth":{"accessToken":"canary-secret-1"}}`)
	clihome.Put(t, file("settings.json"), `{
  "permissions": {"allow": ["Bash(seq:*)", "Bash(echo:*)", "Bash(exit:*)", "Read", "Write", "Agent", "TodoWrite"], "deny": ["WebFetch"]},
  "env": {"SHOP_TOKEN": "canary-secret-2", "PLAIN": "canary-secret-3"},
  "apiKeyHelper": "",
  "hooks": {"PostToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "SHOP_TOKEN=canary-secret-4 true"}]}]}
}
`)
	clihome.Put(t, filepath.Join(home, ".claude.json"), `{"mcpServers": {"db": {"command": "false", "args": ["--token", "canary-secret-5", "--api-key=canary-secret-6"], "env": {"A": "canary-secret-7"}},
 "docs": {"type": "http", "url": "https://u:canary-secret-8@127.0.0.1:1/mcp?api_key=canary-secret-9", "headers": {"X-Any": "canary-secret-10"}}}}`)
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 64, 64))); err != nil {
		t.Fatal(err)
	}
	clihome.Put(t, filepath.Join(work, "p.png"), picture.String())

	first := claude(t, m, home, work, "-p", "do: a lot of output")
	for _, s := range []string{"do: fail", "do: look at it", "do: write it", "do: note it", "do: ask another"} {
		claude(t, m, home, work, "-p", s, "--resume", first)
	}
	claude(t, m, home, work, "-p", "do: think", "--resume", first, "--model", "claude-haiku-4-5")
	fork := claude(t, m, home, work, "-p", "do: search", "--resume", first, "--fork-session")
	claude(t, m, home, work, "-p", "/compact", "--resume", fork)
	claude(t, m, home, work, "-p", "after the compaction", "--resume", fork)
	claude(t, m, home, work, "-p", "do: plan it", "--permission-mode", "plan")
	other := filepath.Join(filepath.Dir(work), "wo.rk") // its sessions stand in the folder of wo-rk
	twin := filepath.Join(filepath.Dir(work), "wo-rk")
	for _, dir := range []string{other, twin} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	here, there := claude(t, m, home, other, "-p", "said in wo.rk"), claude(t, m, home, twin, "-p", "said in wo-rk")

	dir := t.TempDir()
	archive, copied := filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "copy")
	out := clihome.Exitramp(t, 0, "export", "claudecode:"+home, archive)
	if !strings.Contains(out, "RECONCILED") || strings.Contains(out, "GAPS") {
		t.Errorf("export: %s", out)
	}
	for _, kind := range []string{"policy", "agent", "skill", "artifact", "memory", "credential", "toolserver", "toolgrant", "conversation", "message"} {
		if out := clihome.Exitramp(t, 0, "cat", archive, kind); strings.Contains(out, "canary-secret") {
			t.Errorf("a %s holds %s", kind, out[strings.Index(out, "canary-secret"):][:20])
		}
	}
	compacted := ""
	for line := range strings.Lines(clihome.Exitramp(t, 0, "cat", archive, "conversation")) {
		if strings.Contains(line, "/"+fork+`"`) {
			compacted = line
		}
	}
	if !strings.Contains(compacted, `"context_keys":["`) {
		t.Error("what the model sees of a compacted session is not said")
	}
	approve := filepath.Join(dir, "approve")
	clihome.Put(t, approve, clihome.Powers(t, archive))
	clihome.Exitramp(t, 0, "replay", archive, "claudecode:"+copied, "--accept-unsigned", "--approve", approve, "--journal", filepath.Join(dir, "j1"))
	if out := clihome.Exitramp(t, 0, "readback", archive, "claudecode:"+copied, "--accept-unsigned", "--journal", filepath.Join(dir, "j1")); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("readback: %s", out)
	}
	from, to := clihome.Tree(t, home), clihome.Tree(t, copied)
	kinds := map[string]bool{}
	for rel, text := range from {
		got, there := to[rel]
		switch {
		case notCarried.MatchString(rel):
			continue
		case !there:
			t.Errorf("%s is not there", rel)
		case strings.HasSuffix(rel, "settings.json"): // to the byte, but for the secrets
			if strings.Contains(got, "canary") || !strings.Contains(got, `"deny": ["WebFetch"]`) {
				t.Errorf("%s: %s", rel, got)
			}
		case got != text:
			t.Errorf("%s is another file", rel)
		}
		for _, part := range []string{"/subagents/", "/tool-results/", "/file-history/", "/plans/", "/memory/"} {
			kinds[part] = kinds[part] || strings.Contains(rel, part)
		}
	}
	for _, part := range []string{"/subagents/", "/tool-results/"} { // else the CLI made less than this test is for
		if !kinds[part] {
			t.Errorf("the home has no %s", part)
		}
	}
	for rel := range to {
		if _, ok := from[rel]; !ok {
			t.Errorf("%s was never there", rel)
		}
	}
	if err := os.Rename(home, home+".gone"); err != nil {
		t.Fatal(err)
	}
	claude(t, m, copied, work, "-p", "go on", "--resume", first)
	clihome.Says(t, m.last(), "canary-memory", "do: a lot of output", "do: fail", "do: look at it", "image/png", "do: write it", "do: note it", "do: ask another", "do: think", "go on")
	claude(t, m, copied, work, "-p", "go on there", "--resume", fork)
	clihome.Says(t, m.last(), "after the compaction", "go on there")
	claude(t, m, copied, other, "-p", "go on", "--resume", here)
	clihome.Says(t, m.last(), "said in wo.rk", "go on")
	claude(t, m, copied, twin, "-p", "go on", "--resume", there)
	clihome.Says(t, m.last(), "said in wo-rk", "go on")
}
