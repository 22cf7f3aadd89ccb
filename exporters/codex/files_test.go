package codex

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// What every file of a home is: a record of a kind, left out by a rule, or not known, which is a gap.
func TestFiles(t *testing.T) {
	for rel, want := range map[string]string{
		"sessions/2026/11/24/rollout-x.jsonl": "conversation", "archived_sessions/rollout-x.jsonl": "conversation", "sessions/2026/rollout-x.jsonl.zst": "conversation",
		"AGENTS.md": "memory", "AGENTS.override.md": "memory", "instructions.md": "memory", "sessions/rollout-2025-04-30-x.json": "conversation", "sessions/x.json": "", "memories/MEMORY.md": "memory", "memories_v2/a/b.md": "memory", "memories/raw.json": "artifact", "memories_extensions/a/instructions.md": "memory", "memories_extensions/a/resources/b.txt": "artifact",
		"config.toml": "policy", "work.config.toml": "policy", "managed_config.toml": "policy", "requirements.toml": "policy", "hooks.json": "policy", "hooks/a.sh": "policy", "rules/default.rules": "policy",
		"agents/a.toml": "agent", "agents/notes.md": "artifact", "skills/a/SKILL.md": "skill", "prompts/a.md": "skill", "skills/a/scripts/x.py": "artifact", "skills/a/uv.lock": "artifact",
		"history.jsonl": "artifact", "session_index.jsonl": "artifact", "generated_images/t/1.png": "artifact", "themes/a.tmTheme": "artifact",
		"state_5.sqlite": "database", "state_6.sqlite": "database", "goals_1.sqlite": "database",
		"auth.json": "left", "codex_auth.age": "left", ".credentials.json": "left", ".env": "left", "skills/a/.env": "left", "skills/a/.env.local": "left", "skills/a/.env.example": "artifact", "skills/a/ca.pem": "left", "skills/a/.npmrc": "left", "installation_id": "left", "logs_2.sqlite": "left", "logs_2.sqlite-wal": "left", "log/codex-tui.log": "left",
		"state_5.sqlite-wal": "left", "skills/.system/x/SKILL.md": "left", "plugins/cache/x": "left", "shell_snapshots/a.sh": "left", ".tmp/x": "left", "models_cache.json": "left", "memories/.git/HEAD": "left", "worktrees/a/b": "left",
		"novel.json": "", "plugins/data/x": "", "sessions/notes.txt": "", "automations/a.toml": "", "environments.toml": "policy",
		"automations/a/automation.toml": "policy", "automations/a/Automation.TOML": "policy", "automations/a/memory.md": "memory", "automations/a/last-run.md": "artifact", "automations/a/b/automation.toml": "artifact", "automations/a/.env": "left",
	} {
		got := kindOf(rel)
		if left(rel) != "" {
			got += "left"
		}
		if got != want {
			t.Errorf("%s is %q, want %q", rel, got, want)
		}
	}
}

// TestRules: a rule that a person approved holds the whole command, and what is secret in it stays where it is.
func TestRules(t *testing.T) {
	const rel, rule = "rules/default.rules", "prefix_rule(pattern=[\"curl\", \"-H\", \"%s\"], decision=\"allow\")\n"
	mem, rep := drivertest.Export(t, home(t, map[string]string{"AGENTS.md": "x", rel: fmt.Sprintf(rule, "X-Any: canary-zq-1"), "rules/broken.rules": "x(\"canary-zq-2"}))
	if d := cmp.Diff([]string{"policy rules/broken.rules corrupt"}, drivertest.Gaps(rep)); d != "" {
		t.Error(d)
	}
	seen := map[string]bool{}
	for r := range mem.Records(t.Context(), nil) {
		if strings.Contains(fmt.Sprint(r), "canary-zq") {
			t.Errorf("%s holds the secret", r.GetMeta().GetKey())
		}
		switch r := r.(type) {
		case *pb.Policy:
			seen["policy"] = r.Language == "rules" && r.Enforced && string(r.Text.GetInline()) == fmt.Sprintf(rule, "")
		case *pb.Credential:
			seen["credential"] = strings.Contains(r.Rebind, rel)
		}
	}
	if !seen["policy"] || !seen["credential"] {
		t.Error(seen)
	}
}
