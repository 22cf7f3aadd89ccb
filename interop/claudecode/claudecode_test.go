package claudecode

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/interop/clihome"
)

func binary(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("EXITRAMP_INTEROP_CLAUDECODE")
	if dir == "" {
		t.Skip("SKIPPED: Claude Code is not installed; start this with interop/run")
	}
	return filepath.Join(dir, "node_modules", ".bin", "claude")
}

// environment is that of the real CLI with the home home.
func environment(m *model, home string) []string {
	return append(os.Environ(), "HOME="+home, "ANTHROPIC_BASE_URL="+m.URL, "ANTHROPIC_API_KEY=sk-ant-test", "DISABLE_TELEMETRY=1", "DISABLE_ERROR_REPORTING=1",
		"DISABLE_AUTOUPDATER=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1")
}

// claude runs the real CLI in the working folder cwd with the home home, and gives the session's id.
func claude(t *testing.T, m *model, home, cwd string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t), append([]string{"--output-format", "json"}, args...)...)
	cmd.Dir = cwd
	cmd.Env = environment(m, home)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("claude %s: %v\n%s\n%s", strings.Join(args, " "), err, out.String(), errs.String())
	}
	var res struct {
		ID    string `json:"session_id"`
		Error bool   `json:"is_error"`
	}
	if err := json.Unmarshal(out.Bytes(), &res); err != nil || res.Error || res.ID == "" {
		t.Fatalf("claude says %s", out.String())
	}
	return res.ID
}

func folders(t *testing.T) (home, work string) {
	t.Helper()
	dir := t.TempDir()
	home, work = filepath.Join(dir, "home"), filepath.Join(dir, "work")
	for _, p := range []string{filepath.Join(home, ".claude"), work} {
		if err := os.MkdirAll(p, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return home, work
}

// TestRoundTrip: the real CLI makes sessions, one of them with a tool, one forked; an archive carries
// the home; in the copy the CLI resumes each of them and sends what was said before.
func TestRoundTrip(t *testing.T) {
	m := newModel(t)
	home, work := folders(t)
	clihome.Put(t, filepath.Join(home, ".claude", "CLAUDE.md"), "Say canary-memory.\n")
	clihome.Put(t, filepath.Join(home, ".claude", "agents", "reviewer.md"), "---\nname: reviewer\ndescription: reads changes\n---\n\nYou review.\n")
	clihome.Put(t, filepath.Join(home, ".claude", "settings.json"), `{"permissions": {"allow": ["Bash(echo:*)"], "deny": ["WebFetch"]}, "env": {"SHOP_TOKEN": "canary-secret"}}`)
	first := claude(t, m, home, work, "-p", "please list files", "--allowedTools", "Bash(echo:*)")
	claude(t, m, home, work, "-p", "and again é 🙂", "--resume", first)
	fork := claude(t, m, home, work, "-p", "a fork", "--resume", first, "--fork-session")

	dir := t.TempDir()
	archive, copied := filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "copy")
	if out := clihome.Exitramp(t, 0, "export", "claudecode:"+home, archive); !strings.Contains(out, "RECONCILED") {
		t.Errorf("export: %s", out)
	}
	clihome.Exitramp(t, 0, "verify", archive, "--integrity-only")
	if out := clihome.Exitramp(t, 0, "cat", archive, "policy"); strings.Contains(out, "canary-secret") || !strings.Contains(out, "SHOP_TOKEN") {
		t.Error("the archive holds a secret, or not its name")
	}
	clihome.Exitramp(t, 0, "plan", archive, "claudecode:"+copied, "--accept-unsigned")
	clihome.Exitramp(t, 0, "replay", archive, "claudecode:"+copied, "--accept-unsigned")
	if out := clihome.Exitramp(t, 0, "readback", archive, "claudecode:"+copied, "--accept-unsigned"); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("readback: %s", out)
	}
	if _, err := os.Stat(filepath.Join(copied, ".claude", "settings.json")); err == nil {
		t.Error("permissions arrived without a person's approval")
	}

	claude(t, m, copied, work, "-p", "go on", "--resume", first)
	clihome.Says(t, m.last(), "canary-memory", "please list files", "tool_use", "toolu_", "hello-from-tool", "and again é 🙂", "answer", "go on")
	claude(t, m, copied, work, "-p", "go on there", "--resume", fork)
	clihome.Says(t, m.last(), "please list files", "hello-from-tool", "and again é 🙂", "a fork", "answer", "go on there")
	if strings.Contains(m.last(), `"go on"`) {
		t.Error("the fork was sent the other branch")
	}
}

// TestFromLangGraph: a conversation that the real LangGraph wrote is resumed by the real CLI.
func TestFromLangGraph(t *testing.T) {
	m := newModel(t)
	dir := t.TempDir()
	archive, home := filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "home")
	clihome.Exitramp(t, 0, "export", "langgraph+sqlite:../../cmd/exitramp/demo/support.sqlite", archive)
	clihome.Exitramp(t, 0, "replay", archive, "claudecode:"+home, "--accept-unsigned")
	if out := clihome.Exitramp(t, 0, "readback", archive, "claudecode:"+home, "--accept-unsigned"); !strings.Contains(out, "missing 0") {
		t.Errorf("readback: %s", out)
	}
	sessions, err := filepath.Glob(filepath.Join(home, ".claude", "projects", "*", "*.jsonl"))
	if err != nil || len(sessions) != 3 {
		t.Fatalf("%v %v", sessions, err)
	}
	for _, s := range sessions {
		b, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte("tool_use")) {
			continue
		}
		claude(t, m, home, home, "-p", "thank you", "--resume", strings.TrimSuffix(filepath.Base(s), ".jsonl"))
		clihome.Says(t, m.last(), "tool_use", "tool_result", "thank you")
		return
	}
	t.Error("no conversation with a tool")
}

// TestJudgeNotices: when the transcript loses a message, the model is not sent it.
func TestJudgeNotices(t *testing.T) {
	m := newModel(t)
	home, work := folders(t)
	id := claude(t, m, home, work, "-p", "the first thing")
	claude(t, m, home, work, "-p", "the second thing", "--resume", id)
	files, _ := filepath.Glob(filepath.Join(home, ".claude", "projects", "*", id+".jsonl"))
	if len(files) != 1 {
		t.Fatal(files)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	clihome.Put(t, files[0], strings.ReplaceAll(string(b), "the first thing", "another thing"))
	claude(t, m, home, work, "-p", "go on", "--resume", id)
	if sent := m.last(); strings.Contains(sent, "the first thing") || !strings.Contains(sent, "the second thing") {
		t.Error("the judge looks at something else than the transcript")
	}
}
