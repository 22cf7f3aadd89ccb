package claudecode

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// What every file of a home is: a record of a kind, left out by a rule, or not known, which is a gap.
func TestFiles(t *testing.T) {
	for rel, want := range map[string]string{
		"projects/p/a.jsonl": "conversation", "projects/p/a/subagents/agent-b.jsonl": "conversation", "projects/p/a/subagents/agent-b.meta.json": "artifact", "projects/p/a/tool-results/x.txt": "artifact",
		"CLAUDE.md": "memory", "rules/units.md": "memory", "projects/p/memory/MEMORY.md": "memory", "agent-memory/a/MEMORY.md": "memory", "memory/personal/a.md": "memory",
		"settings.json": "policy", "settings.local.json": "policy", "hooks/check.sh": "policy", "statusline.sh": "policy",
		"agents/a.md": "agent", "agents/a/notes.txt": "artifact", "skills/a/SKILL.md": "skill", "skills/a/Skill.MD": "skill", "commands/a/b.md": "skill", "output-styles/a.md": "skill", "workflows/a.js": "skill", "loop.md": "skill",
		"skills/a/.claude-plugin/plugin.json": "policy", "skills/a/.Claude-Plugin/plugin.JSON": "policy", "skills/a/hookſ/hooks.json": "policy", "skills/a/.mcp.json": "policy", "skills/a/hooks/hooks.json": "policy", "skills/a/settings.json": "policy",
		"skills/a/b/settings.json": "artifact", "skills/a/hooks/a.py": "artifact", "skills/a/data.json": "artifact",
		"skills/a/uv.lock": "artifact", "history.jsonl": "artifact", "keybindings.json": "artifact", "plans/a.md": "artifact", "todos/a.json": "artifact", "tasks/a/1.json": "artifact", "teams/a/config.json": "artifact",
		"file-history/s/x@v1": "artifact", "paste-cache/0123456789abcdef.txt": "artifact", "paste-cache/0123456789abcdef.txt.tmp.1": "left", "image-cache/s/1.png": "left", "uploads/a.png": "artifact", "themes/a.json": "artifact",
		".credentials.json": "left", "sessions/1.key": "left", "hfi-auth.json": "left", ".session_ingress_token": "left", "skills/a/.env": "left", "skills/a/.env.local": "left", "skills/a/id_ed25519": "left", "skills/a/.env.example": "artifact", "backups/.claude.json.backup": "left", ".config.json": "left",
		"cache/x": "left", "debug/x.txt": "left", "shell-snapshots/a.sh": "left", "session-env/a": "left", "statsig/x": "left", "plugins/installed_plugins.json": "left", "plugins/cache/x": "left", "tasks/a/.lock": "left",
		"jobs/0a1b2c3d/tmp/a.md": "artifact", "jobs/0a1b2c3d/state.json": "left", "jobs/0a1b2c3d/timeline.jsonl": "left", "jobs/0a1b2c3d/exit-cause": "left", "jobs/pins.json": "left", "jobs/0a1b2c3d": "",
		"cowork_settings.json": "policy", "cowork_plugins/cache/x": "left", "dev-mods/a/plugin.json": "left",
		"__store.db": "", "__store.db-wal": "left", "__store.db-shm": "left", "projects/__store.db-wal": "artifact",
		"novel.json": "", "cowork_plugins/data/x": "", "plugins/data/x": "", "scheduled_tasks.json": "", "notes.sh": "",
	} {
		got := kindOf(".claude/" + rel)
		if left(".claude/"+rel) != "" {
			got += "left"
		}
		if got != want {
			t.Errorf("%s is %q, want %q", rel, got, want)
		}
	}
	if kindOf(".bashrc") != "" || kindOf("projects/p/a.jsonl") != "" {
		t.Error("what is not in .claude is carried")
	}
}

// TestEarlyStore: releases of April 2025 kept conversations in a database, which no later one reads: they are missed, and not
// a file.
func TestEarlyStore(t *testing.T) {
	_, rep := drivertest.Export(t, home(t, map[string]string{"__store.db": "SQLite format 3", "__store.db-wal": "x", "CLAUDE.md": "x"}))
	if d := cmp.Diff([]string{"conversation .claude/__store.db"}, drivertest.Gaps(rep)); d != "" {
		t.Error(d)
	}
	for _, k := range []string{"conversation", "message"} {
		if c := rep.Verdict.Kinds[k].Coverage; c != agentstate.Gaps {
			t.Errorf("%s: %v", k, c)
		}
	}
}
