package openaiagents

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func folder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("EXITRAMP_INTEROP_OPENAIAGENTS")
	if dir == "" {
		t.Skip("SKIPPED: the OpenAI Agents SDK is not installed; start this with interop/run")
	}
	return dir
}

// run starts a command; it must end within five minutes.
func run(t *testing.T, dir, name string, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "OPENAI_AGENTS_DISABLE_TRACING=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	if cmd.ProcessState.ExitCode() != 0 {
		return stdout.String() + stderr.String(), cmd.ProcessState.ExitCode()
	}
	return stdout.String(), 0
}

func must(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, code := run(t, dir, name, args...)
	if code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s", filepath.Base(name), strings.Join(args, " "), code, out)
	}
	return out
}

func python(t *testing.T) string { return filepath.Join(folder(t), "python", "bin", "python") }

func exitramp(t *testing.T, args ...string) string {
	t.Helper()
	return must(t, "", os.Getenv("EXITRAMP_BIN"), args...)
}

// js is a copy of the scripts beside the installed modules: Node looks for them next to the script.
func js(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "js")
	if err := os.CopyFS(dir, os.DirFS("js")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(folder(t), "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// carry takes source through an archive into a fresh folder.
func carry(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	archive, copied := filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "copy")
	if out := exitramp(t, "export", "openaiagents:"+source, archive); !strings.Contains(out, "RECONCILED") {
		t.Errorf("export: %s", out)
	}
	exitramp(t, "verify", archive, "--integrity-only")
	plan := exitramp(t, "plan", archive, "openaiagents:"+copied, "--accept-unsigned")
	if _, err := os.Stat(copied); err == nil {
		t.Error("the plan wrote")
	}
	exitramp(t, "replay", archive, "openaiagents:"+copied, "--accept-unsigned", "--approve", approval(t, plan))
	if out := exitramp(t, "readback", archive, "openaiagents:"+copied, "--accept-unsigned"); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("readback: %s", out)
	}
	return copied
}

// approval is a file with what a plan says that a person has to let through: operator's words.
func approval(t *testing.T, plan string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "approved")
	_, list, _ := strings.Cut(plan, "off until you approve")
	keys := []string{"# what the plan says"} // a file of nothing is no list
	for _, l := range strings.Split(list, "\n")[1:] {
		if !strings.HasPrefix(l, "   ") {
			break
		}
		keys = append(keys, strings.Fields(l)[0])
	}
	if err := os.WriteFile(file, []byte(strings.Join(keys, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func read(t *testing.T, dir string) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal([]byte(must(t, "python", python(t), "read.py", dir)), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// TestPython: the real library makes the state, shows the same of the copy, and goes on in it: what
// was approved runs, and nothing else.
func TestPython(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	must(t, "python", python(t), "make.py", dir)
	copied := carry(t, dir)
	want, got := read(t, dir), read(t, copied)
	if len(want) < 11 {
		t.Fatalf("%d sessions and run states were made", len(want))
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if text(want[k]) != text(got[k]) {
			t.Errorf("%s: the library shows another session", k)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d of %d", len(got), len(want))
	}
	out := must(t, "python", python(t), "judge.py", copied)
	t.Log(strings.TrimSpace(out))
}

// TestShapes: every kind of item, odd and long sessions, run states at other stages.
func TestShapes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	must(t, "python", python(t), "shapes.py", "make", dir)
	copied := carry(t, dir)
	if text(read(t, dir)) != text(read(t, copied)) {
		t.Error("the library shows other sessions")
	}
	out := must(t, "python", python(t), "shapes.py", "judge", copied)
	t.Log(strings.TrimSpace(out))
}

const createDatabases = "import asyncio, asyncpg, sys\nasync def main():\n  c = await asyncpg.connect(sys.argv[1])\n  [await c.execute(f'CREATE DATABASE {n}') for n in sys.argv[2:]]\nasyncio.run(main())"

// TestPostgres: a run waits, its session is in PostgreSQL; both are carried, and what was approved
// runs, and nothing else.
func TestPostgres(t *testing.T) {
	server := os.Getenv("EXITRAMP_INTEROP_PG")
	if server == "" {
		t.Skip("SKIPPED: no PostgreSQL; start this with interop/run")
	}
	from, to := server+"/openaiagents_from", server+"/openaiagents_to"
	must(t, "", python(t), "-c", createDatabases, server+"/postgres", "openaiagents_from", "openaiagents_to")
	dir := filepath.Join(t.TempDir(), "state")
	must(t, "python", python(t), "shapes.py", "pg-make", dir, from)
	copied, archive := carry(t, dir), filepath.Join(t.TempDir(), "pg.ctxa")
	driver := func(u string) string { return "openaiagents+" + strings.Replace(u, "postgresql", "postgres", 1) }
	if out := exitramp(t, "export", driver(from), archive); !strings.Contains(out, "RECONCILED") {
		t.Errorf("export: %s", out)
	}
	exitramp(t, "replay", archive, driver(to), "--accept-unsigned")
	if out := exitramp(t, "readback", archive, driver(to), "--accept-unsigned"); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("readback: %s", out)
	}
	out := must(t, "python", python(t), "shapes.py", "pg-judge", copied, to)
	t.Log(strings.TrimSpace(out))
	// A judge that lets a lost session pass is no judge.
	if out, code := run(t, "python", python(t), "shapes.py", "pg-judge", dir, to); code == 0 || !strings.Contains(out, "DIFF") {
		t.Errorf("the run was finished before, and the judge says %s", out)
	}
}

// TestJavaScript: the same for what a JavaScript program keeps.
func TestJavaScript(t *testing.T) {
	scripts, dir := js(t), t.TempDir()
	must(t, scripts, "node", "make.mjs", dir)
	copied := carry(t, dir)
	must(t, scripts, "node", "judge.mjs", copied)
}

// TestJavaScriptShapes: run states at other stages, of an agent as a tool and after a handoff, and
// items of many kinds.
func TestJavaScriptShapes(t *testing.T) {
	scripts, dir := js(t), t.TempDir()
	must(t, scripts, "node", "shapes.mjs", "make", dir)
	copied := carry(t, dir)
	must(t, scripts, "node", "shapes.mjs", "judge", copied)
	b, err := os.ReadFile(filepath.Join(copied, "nested.runstate.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied, "nested.runstate.json"), bytes.ReplaceAll(b, []byte("/a "), []byte("/b ")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := run(t, scripts, "node", "shapes.mjs", "judge", copied); code == 0 || !strings.Contains(out, "DIFF") {
		t.Errorf("other arguments, and the judge says %s", out)
	}
}

// TestJudgesNotice: judges that let a damaged copy pass are no judges.
func TestJudgesNotice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	must(t, "python", python(t), "make.py", dir)
	for name, c := range map[string]struct{ file, from, to string }{
		"arguments of a call": {"runstate.paused.json", `/data/x`, `/data/z`},
		"what waits is lost":  {"runstate.nested.json", `"interruptions"`, `"nothing"`},
	} {
		b, err := os.ReadFile(filepath.Join(dir, c.file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, c.file), bytes.ReplaceAll(b, []byte(c.from), []byte(c.to)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, code := run(t, "python", python(t), "judge.py", dir); code == 0 || !strings.Contains(out, "DIFF") {
			t.Errorf("%s, and the judge says %s", name, out)
		}
		if err := os.WriteFile(filepath.Join(dir, c.file), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, q := range map[string]string{
		"an item is lost":       "DELETE FROM agent_messages WHERE id = 6",
		"a session is renamed":  "UPDATE agent_messages SET session_id = 's-chat2' WHERE session_id = 's-sealed'",
		"an item changed":       "UPDATE agent_messages SET message_data = replace(message_data, 'hello', 'hallo')",
		"the order is another":  "UPDATE agent_messages SET id = 1000 WHERE id = 1",
		"other tables are lost": "DELETE FROM team_messages",
	} {
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.CopyFS(bad, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		must(t, "", python(t), "-c", "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nc.execute(sys.argv[2])\nc.commit()", filepath.Join(bad, "sessions.sqlite"), q)
		if out, code := run(t, "python", python(t), "judge.py", bad); code == 0 || !strings.Contains(out, "DIFF") {
			t.Errorf("%s, and the judge says %s", name, out)
		}
	}
}

// TestFromLangGraph: conversations that the real LangGraph wrote become sessions, in which an agent goes on.
func TestFromLangGraph(t *testing.T) {
	dir := t.TempDir()
	archive, target := filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "sessions")
	exitramp(t, "export", "langgraph+sqlite:../../cmd/exitramp/demo/support.sqlite", archive)
	exitramp(t, "replay", archive, "openaiagents:"+target, "--accept-unsigned")
	if out := exitramp(t, "readback", archive, "openaiagents:"+target, "--accept-unsigned"); !strings.Contains(out, "missing 0") {
		t.Errorf("readback: %s", out)
	}
	var seen []string
	for _, o := range sentOn(t, target, "chat-1001") {
		seen = append(seen, cmp.Or(o.Role, o.Type))
	}
	if want := []string{"user", "function_call", "function_call_output", "assistant", "user"}; !slices.Equal(seen, want) {
		t.Errorf("the model was shown %v, want %v", seen, want)
	}
}

// An item is what is read of an item that the model is sent.
type item struct{ Type, Role, Arguments, Output string }

// sentOn is what the model is sent when an agent goes on in a session.
func sentOn(t *testing.T, place, session string) (sent []item) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, "python", python(t), "goon.py", place, session)), &sent); err != nil {
		t.Fatal(err)
	}
	return sent
}
