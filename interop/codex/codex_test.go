package codex

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/exitramp/exitramp/interop/clihome"
)

// A model is a loopback server that speaks the Responses API: it calls a tool when it is asked to
// list files, and says something else otherwise.
type model struct {
	*httptest.Server
	mu    sync.Mutex
	input []json.RawMessage // of the last request
	n     int
	// script has items that are given when the last item of the request holds the word.
	script map[string][]object
}

func newModel(t *testing.T) *model {
	m := &model{}
	m.Server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.Close)
	return m
}

func (m *model) last() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, _ := json.Marshal(m.input)
	return string(b)
}

func (m *model) serve(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/responses") {
		json.NewEncoder(w).Encode(object{"object": "list", "data": []any{}, "models": []any{}})
		return
	}
	body, _ := io.ReadAll(r.Body)
	var q struct {
		Input []json.RawMessage `json:"input"`
		Tools []struct{ Name, Type string }
	}
	json.Unmarshal(body, &q)
	m.mu.Lock()
	m.input = q.Input
	m.n++
	n := m.n
	m.mu.Unlock()
	last := ""
	if len(q.Input) > 0 {
		last = string(q.Input[len(q.Input)-1])
	}
	item := object{"type": "message", "id": fmt.Sprintf("msg_%d", n), "role": "assistant", "status": "completed",
		"content": []any{object{"type": "output_text", "text": fmt.Sprintf("answer %d 🌤", n), "annotations": []any{}}}}
	if strings.Contains(last, "list files") {
		for _, t := range q.Tools {
			args := map[string]string{"exec_command": `{"cmd":"echo hello-from-tool"}`, "shell_command": `{"command":"echo hello-from-tool"}`, "shell": `{"command":["echo","hello-from-tool"]}`}[t.Name]
			if args != "" {
				item = object{"type": "function_call", "id": fmt.Sprintf("fc_%d", n), "call_id": fmt.Sprintf("call_%d", n), "name": t.Name, "arguments": args, "status": "completed"}
				break
			}
		}
	}
	items := []object{item}
	for word, out := range m.script {
		if strings.Contains(last, word) && !strings.Contains(last, "_output") {
			items = out
		}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	event := func(o object) {
		b, _ := json.Marshal(o)
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", o["type"], b)
	}
	id := fmt.Sprintf("resp_%d", n)
	event(object{"type": "response.created", "response": object{"id": id}})
	for i, item := range items {
		event(object{"type": "response.output_item.done", "output_index": i, "item": item})
	}
	event(object{"type": "response.completed", "response": object{"id": id, "output": items, "usage": object{"input_tokens": 10, "input_tokens_details": object{"cached_tokens": 0},
		"output_tokens": 5, "output_tokens_details": object{"reasoning_tokens": 0}, "total_tokens": 15}}})
}

func binary(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("EXITRAMP_INTEROP_CODEX")
	if dir == "" {
		t.Skip("SKIPPED: Codex is not installed; start this with interop/run")
	}
	return filepath.Join(dir, "node_modules", "@openai", "codex", "bin", "codex.js")
}

// codex runs the real CLI on home in the working folder cwd.
func codex(t *testing.T, home, cwd string, args ...string) {
	t.Helper()
	execute(t, binary(t), home, cwd, args...)
}

func execute(t *testing.T, binary, home, cwd string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{"exec", "--skip-git-repo-check"}, args...)...)
	cmd.Dir = cwd
	cmd.Env = append(os.Environ(), "CODEX_HOME="+home, "TEST_KEY=x", "HOME="+filepath.Join(home, "..", "user"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("codex %s: %v\n%s", strings.Join(args, " "), err, out.String())
	}
}

func config(t *testing.T, m *model, home string) {
	t.Helper()
	clihome.Put(t, filepath.Join(home, "config.toml"), `model = "test-1"
model_provider = "test"
approval_policy = "never"
sandbox_mode = "danger-full-access"
[model_providers.test]
name = "test"
base_url = "`+m.URL+`/v1"
wire_api = "responses"
env_key = "TEST_KEY"
http_headers = { "X-Shop" = "canary-secret" }
`)
}

var uuid = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

func rollouts(t *testing.T, home string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(home, "sessions", "*", "*", "*", "rollout-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestRoundTrip: the real CLI makes a session with a tool and a second turn; in the copy it resumes
// it and sends what was said before.
func TestRoundTrip(t *testing.T) {
	m := newModel(t)
	dir := t.TempDir()
	home, work, copied, archive := filepath.Join(dir, "home"), filepath.Join(dir, "work"), filepath.Join(dir, "copy"), filepath.Join(dir, "a.ctxa")
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatal(err)
	}
	config(t, m, home)
	clihome.Put(t, filepath.Join(home, "AGENTS.md"), "Say canary-memory.\n")
	codex(t, home, work, "please list files")
	files := rollouts(t, home)
	if len(files) != 1 {
		t.Fatal(files)
	}
	id := uuid.FindString(filepath.Base(files[0]))
	codex(t, home, work, "resume", id, "and again é 🙂")

	if out := clihome.Exitramp(t, 0, "export", "codex:"+home, archive); !strings.Contains(out, "conversation 1 RECONCILED") || strings.Contains(out, "GAPS") {
		t.Errorf("export: %s", out)
	}
	clihome.Exitramp(t, 0, "verify", archive, "--integrity-only")
	if out := clihome.Exitramp(t, 0, "cat", archive, "policy"); strings.Contains(out, "canary-secret") {
		t.Error("the archive holds a secret")
	}
	clihome.Exitramp(t, 0, "plan", archive, "codex:"+copied, "--accept-unsigned")
	clihome.Exitramp(t, 0, "replay", archive, "codex:"+copied, "--accept-unsigned")
	if out := clihome.Exitramp(t, 0, "readback", archive, "codex:"+copied, "--accept-unsigned"); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("readback: %s", out)
	}
	if _, err := os.Stat(filepath.Join(copied, "config.toml")); err == nil {
		t.Error("settings arrived without a person's approval")
	}
	config(t, m, copied)
	codex(t, copied, work, "resume", id, "go on")
	clihome.Says(t, m.last(), "canary-memory", "please list files", "function_call", "hello-from-tool", "and again é 🙂", "answer", "go on")
}

// TestFromLangGraph: a conversation that the real LangGraph wrote is resumed by the real CLI.
func TestFromLangGraph(t *testing.T) {
	m := newModel(t)
	dir := t.TempDir()
	archive, home := filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "home")
	clihome.Exitramp(t, 0, "export", "langgraph+sqlite:../../cmd/exitramp/demo/support.sqlite", archive)
	clihome.Exitramp(t, 0, "replay", archive, "codex:"+home, "--accept-unsigned")
	if out := clihome.Exitramp(t, 0, "readback", archive, "codex:"+home, "--accept-unsigned"); !strings.Contains(out, "missing 0") {
		t.Errorf("readback: %s", out)
	}
	config(t, m, home)
	a := startApp(t, home, home)
	listed := a.call("thread/list", object{})["data"].([]any)
	if len(listed) != 2 { // in the third one nobody said anything
		t.Errorf("the CLI lists %d threads", len(listed))
	}
	for _, x := range listed {
		thread := x.(object)
		if n := len(a.turns(thread["id"].(string))); n == 0 || thread["preview"] == "" {
			t.Errorf("the CLI shows %d turns, and %q of them", n, thread["preview"])
		}
	}
	a.stop()
	for _, f := range rollouts(t, home) {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b, []byte("function_call_output")) {
			continue
		}
		codex(t, home, home, "resume", uuid.FindString(filepath.Base(f)), "thank you")
		clihome.Says(t, m.last(), "function_call", "function_call_output", "thank you")
		return
	}
	t.Error("no conversation with a tool")
}

// TestJudgeNotices: when the rollout changes, the model is sent the change.
func TestJudgeNotices(t *testing.T) {
	m := newModel(t)
	home := filepath.Join(t.TempDir(), "home")
	config(t, m, home)
	codex(t, home, home, "the first thing")
	f := rollouts(t, home)[0]
	b, err := os.ReadFile(f)
	if err != nil {
		t.Fatal(err)
	}
	clihome.Put(t, f, strings.ReplaceAll(string(b), "the first thing", "another thing"))
	codex(t, home, home, "resume", uuid.FindString(filepath.Base(f)), "go on")
	if sent := m.last(); strings.Contains(sent, "the first thing") || !strings.Contains(sent, "another thing") {
		t.Error("the judge looks at something else than the rollout")
	}
}
