package claudecode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/homefiles"
)

// kindOf is the kind of record that the file rel becomes; empty: it is not carried.
func kindOf(rel string) string {
	in, ok := strings.CutPrefix(rel, ".claude/")
	if !ok || left(rel) != "" {
		return ""
	}
	base, ext := path.Base(in), path.Ext(in)
	top, _, deep := strings.Cut(in, "/")
	switch {
	case isSettings(rel), deep && top == "hooks", !deep && strings.HasPrefix(in, "statusline"):
		return "policy"
	case in == "CLAUDE.md":
		return "memory"
	case in == "loop.md":
		return "skill"
	case in == "history.jsonl", in == "keybindings.json":
		return "artifact"
	case !deep:
		return ""
	case top == "projects" && ext == ".jsonl":
		return "conversation"
	case ext == ".md" && (top == "projects" && strings.Contains(in, "/memory/") || slices.Contains([]string{"rules", "memory", "agent-memory"}, top)):
		return "memory"
	case ext == ".md" && top == "agents":
		return "agent"
	case homefiles.Fold(base) == "skill.md" && top == "skills", ext == ".md" && (top == "commands" || top == "output-styles"), top == "workflows":
		return "skill"
	case isScratch(in), slices.Contains([]string{"projects", "rules", "memory", "agent-memory", "agents", "skills", "commands", "output-styles", "themes", "plans", "todos", "tasks", "teams", "file-history", "uploads", "paste-cache"}, top): // the last: long pastes, which history.jsonl names and no longer holds
		return "artifact"
	}
	return ""
}

// ofTheMachine are the entries of .claude that are none of the state, with the reason.
func ofTheMachine(top string) string {
	switch top {
	case "cache", "image-cache", "mcp-discovery-cache", "mcp-skill-archives", "stats-cache.json", "mcp-needs-auth-cache.json", "gh-pr-status-cache.json", "downloads", "shares":
		return "a cache"
	case "debug", "logs", "daemon.log", "telemetry", "statsig", "traces", "startup-perf", "usage-data", "feedback", "feedback-bundles", "dump-prompts", "api-dumps", ".last-cleanup", ".last-update-result.json":
		return "logs and measurements"
	case "ide", "chrome", "local", "daemon", "daemon.json", "daemon.status.json", "daemon.scheduled.status.json", "session-env", "shell-snapshots", "sessions", "state", "systemd", "remote-control", "seed-admin",
		"scratch", ".update.lock", "computer-use.lock", "server.lock", "server-sessions.json", "active-time.json", "bridge-spawn", ".deep-link-register-failed", "policy-limits.json", "remote-settings.json", "remote-settings-consent.json", "ccr", "rm-guard":
		return "of this machine"
	case "backups":
		return "copies of .claude.json, which holds secrets"
	}
	return ""
}

// left says why a file or folder is none of the state; empty: it may be. Secrets are not opened.
func left(rel string) string {
	in := strings.TrimPrefix(rel, ".claude/")
	base := path.Base(in)
	top, _, deep := strings.Cut(in, "/")
	switch {
	case homefiles.SecretFile(base), base == ".session_ingress_token", base == "hfi-auth.json":
		return "a secret: not opened"
	case in == ".config.json", in == ".claude.json", strings.HasPrefix(in, ".claude.json."):
		return "of this machine, but for the servers that it names"
	case in == early+"-wal", in == early+"-shm", in == early+"-journal":
		return "a part of its database"
	case base == ".DS_Store", homefiles.OnItsWay(base),
		(path.Ext(base) == ".tmp" || path.Ext(base) == ".lock") && (!deep || slices.Contains([]string{"projects", "todos", "tasks", "teams", "file-history"}, top)),
		top == "paste-cache" && deep && path.Ext(base) != ".txt":
		return "unfinished, or a lock"
	case slices.Contains(strings.Split(in, "/"), ".git"):
		return "a repository's own: git runs what its settings say"
	case top == "jobs" && deep && path.Ext(in) != "" && !isScratch(in), path.Dir(path.Dir(in)) == "jobs" && !isScratch(in):
		return "of this machine: its background service starts sessions again from there; the sessions themselves are carried"
	case top == "dev-mods", (top == "plugins" || top == "cowork_plugins") && in != top && in != top+"/data" && !strings.HasPrefix(in, top+"/data/"):
		return "programs: settings name the plugins that are installed again"
	}
	return ofTheMachine(top)
}

// isScratch tells whether the file or folder in is what a session in the background keeps for itself.
func isScratch(in string) bool {
	p := strings.Split(in, "/")
	return len(p) > 2 && p[0] == "jobs" && p[2] == "tmp"
}

// early is the database in which releases of April 2025 kept conversations.
const early = "__store.db"

// folder is the folder of a home that holds the state.
const folder = ".claude"

// flat tells whether the root is that folder itself, as CLAUDE_CONFIG_DIR names it: then the file with
// the servers is in it. One that is called .claude may stand in a home, which is named instead.
func (h *Home) flat() bool {
	if h.config {
		return true
	}
	is := func(name string, dir bool) bool {
		st, err := os.Stat(filepath.Join(h.root, name))
		return err == nil && st.IsDir() == dir
	}
	abs, err := filepath.Abs(h.root)
	return !is(folder, true) && is("projects", true) && (is(".claude.json", false) || err == nil && filepath.Base(abs) != folder)
}

// place is where the file rel of a home lies below the root.
func (h *Home) place(rel string) string {
	switch {
	case !h.flat():
	case rel == folder:
		return "."
	default:
		return strings.TrimPrefix(rel, folder+"/")
	}
	return rel
}

// find walks the home.
func (h *Home) find(ctx context.Context) (*homefiles.Walk, error) {
	if st, err := os.Stat(h.root); err == nil && !st.IsDir() {
		return nil, fmt.Errorf("%w: %s is a file; name the home itself, the folder that has .claude in it", ErrSchema, h.root)
	}
	in := h.place(folder)
	if st, err := os.Stat(filepath.Join(h.root, in)); err != nil || !st.IsDir() {
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s has no folder .claude; name the home itself, or a CLAUDE_CONFIG_DIR with ?config behind it: %w", ErrSchema, h.root, fs.ErrNotExist)
		}
		return nil, fmt.Errorf("claudecode: %w", err)
	}
	w, err := homefiles.Rules{Kind: kindOf, Left: left, As: folder}.Walk(ctx, h.root, in)
	if err != nil {
		return nil, fmt.Errorf("claudecode: %w", err)
	}
	for _, g := range w.Gaps {
		if g.Place == folder+"/"+early {
			g.Kind = "conversation"
			g.Detail = "the database in which releases about 0.2.100 kept all conversations: it is not read, nor do later releases; keep a copy of the file"
		}
	}
	return w, nil
}

func sortedKeys[K cmp.Ordered, T any](m map[K]T) []K { return slices.Sorted(maps.Keys(m)) }
