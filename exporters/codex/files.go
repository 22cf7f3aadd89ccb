package codex

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
)

// kindOf is the kind of record that the file rel becomes; empty: it is not carried. "database" is one
// of rows.
func kindOf(rel string) string {
	if left(rel) != "" {
		return ""
	}
	base, ext := path.Base(rel), path.Ext(rel)
	top, _, deep := strings.Cut(rel, "/")
	if !deep {
		switch {
		case rel == "AGENTS.md", rel == "AGENTS.override.md", rel == "instructions.md": // which releases of 2025 read
			return "memory"
		case isTOML(rel), rel == "hooks.json":
			return "policy"
		case rel == "history.jsonl", rel == "session_index.jsonl":
			return "artifact"
		case ext == ".sqlite":
			return "database"
		}
		return ""
	}
	switch top {
	case "sessions", "archived_sessions":
		if (ext == ".jsonl" || ext == ".json" || strings.HasSuffix(base, ".jsonl.zst")) && strings.HasPrefix(base, "rollout-") {
			return "conversation"
		}
		return ""
	case "memories", "memories_v2", "memories_extensions":
		if ext == ".md" {
			return "memory"
		}
	case "agents":
		if ext == ".toml" {
			return "agent"
		}
	case "skills":
		if base == "SKILL.md" {
			return "skill"
		}
	case "prompts":
		if ext == ".md" {
			return "skill"
		}
	case "automations": // of the desktop program
		switch {
		case isAutomation(rel):
			return "policy"
		case path.Dir(rel) == top:
			return ""
		case base == "memory.md":
			return "memory"
		}
	case "rules", "hooks": // what is allowed, and programs that settings may name
		return "policy"
	case "generated_images", "attachments", "themes", "pets":
	default:
		return ""
	}
	return "artifact"
}

// isTOML tells whether rel is a file of settings, or a profile of them.
func isTOML(rel string) bool {
	return rel == "config.toml" || strings.HasSuffix(rel, ".config.toml") || rel == "managed_config.toml" || rel == "requirements.toml" || rel == "environments.toml"
}

// isAutomation tells whether rel says what the desktop program runs by itself, and when.
func isAutomation(rel string) bool {
	ok, _ := path.Match("automations/*/automation.toml", homefiles.Fold(rel))
	return ok
}

// left says why a file or folder is none of the state; empty: it may be. Secrets are not opened.
func left(rel string) string {
	base := path.Base(rel)
	top, _, deep := strings.Cut(rel, "/")
	switch {
	case homefiles.SecretFile(base), base == "auth.json", rel == "installation_id":
		return "a secret: not opened"
	case strings.HasPrefix(top, "logs_"), top == "log", top == "logs":
		return "log lines of the program are not state"
	case !deep && (strings.HasSuffix(rel, ".sqlite-wal") || strings.HasSuffix(rel, ".sqlite-shm") || strings.HasSuffix(rel, ".sqlite-journal")):
		return "a part of its database"
	case homefiles.OnItsWay(base), base == ".DS_Store", top == "tmp", top == ".tmp", top == "thread-writer-locks", (!deep || top == "sessions" || top == "archived_sessions") && (path.Ext(base) == ".lock" || path.Ext(base) == ".tmp"):
		return "unfinished, or a lock"
	case slices.ContainsFunc(strings.Split(rel, "/"), func(p string) bool { return p == ".git" || p == ".codex-baseline" }):
		return "a repository's own: git runs what its settings say, and Codex makes its baseline of memories anew"
	case rel == "skills/.system", strings.HasPrefix(rel, "skills/.system/"):
		return "comes with the program"
	case top == "plugins" && rel != "plugins" && rel != "plugins/data" && !strings.HasPrefix(rel, "plugins/data/"):
		return "programs: settings name the plugins that are installed again"
	case top == "worktrees":
		return "working trees of repositories"
	case slices.Contains([]string{"version.json", "models_cache.json", "cache", "shell_snapshots", "packages", "bin", "app-server-daemon", ".personality_migration", "cap_sid"}, top), strings.HasPrefix(top, ".sandbox"):
		return "a cache, or of this machine"
	}
	return ""
}

// find walks the home.
func (h *Home) find(ctx context.Context) (*homefiles.Walk, error) {
	if st, err := os.Stat(h.root); err != nil || !st.IsDir() {
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: no folder %s; CODEX_HOME names it, usually ~/.codex: %w", ErrSchema, h.root, fs.ErrNotExist)
		}
		return nil, fmt.Errorf("codex: %w", err)
	}
	w, err := homefiles.Rules{Kind: kindOf, Left: left}.Walk(ctx, h.root, "")
	if err != nil {
		return nil, fmt.Errorf("codex: %w", err)
	}
	ours := slices.ContainsFunc(w.Files, func(f *homefiles.File) bool { return f.Kind != "artifact" })
	for _, g := range w.Gaps {
		if ours = ours || g.Kind != "artifact"; g.Kind == "database" {
			g.Kind = kindOfDatabase(g.Place)
		}
	}
	if !ours {
		return nil, fmt.Errorf("%w: %s has no sessions, no AGENTS.md and no config.toml", ErrSchema, h.root)
	}
	return w, nil
}

func sortedKeys[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

func keyOf(rel string) string {
	kind := kindOf(rel)
	if kind == "conversation" {
		rel = strings.TrimSuffix(rel, ".jsonl")
	}
	return agentstate.Key(kind, rel)
}

// fileOf is the file whose record has a key of this kind and part.
func fileOf(kind, part string) string {
	if kind == "conversation" && !strings.HasSuffix(part, ".jsonl.zst") && path.Ext(part) != ".json" {
		part += ".jsonl"
	}
	return part
}
