package codex

import "testing"

// What every file of a home is: a record of a kind, left out by a rule, or not known, which is a gap.
func TestFiles(t *testing.T) {
	for rel, want := range map[string]string{
		"sessions/2026/11/24/rollout-x.jsonl": "conversation", "archived_sessions/rollout-x.jsonl": "conversation", "sessions/2026/rollout-x.jsonl.zst": "conversation",
		"AGENTS.md": "memory", "AGENTS.override.md": "memory", "instructions.md": "memory", "sessions/rollout-2025-04-30-x.json": "conversation", "sessions/x.json": "", "memories/MEMORY.md": "memory", "memories_v2/a/b.md": "memory", "memories/raw.json": "artifact",
		"config.toml": "policy", "work.config.toml": "policy", "managed_config.toml": "policy", "requirements.toml": "policy", "hooks.json": "policy", "hooks/a.sh": "policy", "rules/default.rules": "policy",
		"agents/a.toml": "agent", "agents/notes.md": "artifact", "skills/a/SKILL.md": "skill", "prompts/a.md": "skill", "skills/a/scripts/x.py": "artifact", "skills/a/uv.lock": "artifact",
		"history.jsonl": "artifact", "session_index.jsonl": "artifact", "generated_images/t/1.png": "artifact", "themes/a.tmTheme": "artifact",
		"state_5.sqlite": "database", "state_6.sqlite": "database", "goals_1.sqlite": "database",
		"auth.json": "left", "codex_auth.age": "left", ".credentials.json": "left", ".env": "left", "skills/a/.env": "left", "skills/a/.env.local": "left", "skills/a/.env.example": "artifact", "skills/a/ca.pem": "left", "skills/a/.npmrc": "left", "installation_id": "left", "logs_2.sqlite": "left", "logs_2.sqlite-wal": "left", "log/codex-tui.log": "left",
		"state_5.sqlite-wal": "left", "skills/.system/x/SKILL.md": "left", "plugins/cache/x": "left", "shell_snapshots/a.sh": "left", ".tmp/x": "left", "models_cache.json": "left", "memories/.git/HEAD": "left", "worktrees/a/b": "left",
		"novel.json": "", "plugins/data/x": "", "sessions/notes.txt": "", "automations/a.toml": "", "environments.toml": "",
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
