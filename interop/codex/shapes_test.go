package codex

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

// notCarried are the files of a home that are none of its state, and those that are compared row by row.
var notCarried = regexp.MustCompile(`^(auth\.json|\.credentials\.json|installation_id|version\.json|models_cache\.json|log/.*|logs_.*|\.sandbox.*|\.?tmp/.*|thread-writer-locks/.*|shell_snapshots/.*|cache/.*|skills/\.system/.*|.*\.sqlite(-wal|-shm)?)$`)

// TestShapes: the real CLI makes sessions of many shapes; every file of its home arrives, to the byte, or is
// one of those that are left out; no secret is in the archive; the CLI shows the same of the copy.
func TestShapes(t *testing.T) {
	m := newModel(t)
	shell := func(id, cmd string) object {
		return object{"type": "function_call", "id": "fc_" + id, "call_id": "call_" + id, "name": "exec_command", "arguments": `{"cmd":"` + cmd + `","max_output_tokens":100000}`, "status": "completed"}
	}
	message := object{"type": "message", "id": "msg_s", "role": "assistant", "status": "completed", "content": []any{object{"type": "output_text", "text": "found", "annotations": []any{}}}}
	m.script = map[string][]object{
		"do: a lot of output": {shell("lot", "seq 1 60000")},
		"do: fail":            {shell("fail", "exit 3")},
		"do: think":           {object{"type": "reasoning", "id": "rs_1", "summary": []any{object{"type": "summary_text", "text": "I weigh it."}}, "encrypted_content": "c2VhbGVk"}, message},
		"do: search":          {object{"type": "web_search_call", "id": "ws_1", "status": "completed", "action": object{"type": "search", "query": "rye"}}, message},
		"do: make a plan":     {object{"type": "function_call", "id": "fc_plan", "call_id": "call_plan", "name": "update_plan", "arguments": `{"plan":[{"step":"knead","status":"in_progress"},{"step":"bake","status":"pending"}]}`, "status": "completed"}},
	}
	dir := t.TempDir()
	home, work, copied, archive := filepath.Join(dir, "home"), filepath.Join(dir, "work"), filepath.Join(dir, "copy"), filepath.Join(dir, "a.ctxa")
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatal(err)
	}
	config(t, m, home)
	settings := `
[mcp_servers.db]
command = "false"
args = ["--token", "canary-secret-1", "--api-key=canary-secret-2"]
env = { DB_PASSWORD = "canary-secret-3" }
[mcp_servers.docs]
url = "https://u:canary-secret-4@docs.example.org/mcp?api_key=canary-secret-5"
enabled = false
[mcp_servers.docs.http_headers]
X-Any = "canary-secret-6"
[shell_environment_policy]
set = { ANY = "canary-secret-7" }
# api_key = "canary-secret-8"
`
	b, err := os.ReadFile(filepath.Join(home, "config.toml"))
	if err != nil {
		t.Fatal(err)
	}
	clihome.Put(t, filepath.Join(home, "config.toml"), string(b)+settings)
	clihome.Put(t, filepath.Join(home, "work.config.toml"), "model = \"test-2\"\nservice_token = \"canary-secret-9\"\n")
	clihome.Put(t, filepath.Join(home, "AGENTS.md"), "Say canary-memory.\n")
	clihome.Put(t, filepath.Join(home, "auth.json"), `{"OPENAI_API_KEY":"canary-secret-10"}`)
	clihome.Put(t, filepath.Join(home, ".credentials.json"), `{"db":{"access_token":"canary-secret-11"}}`)
	clihome.Put(t, filepath.Join(home, "agents", "baker.toml"), "name = \"baker\"\ndescription = \"bakes\"\ndeveloper_instructions = \"You bake.\"\n")
	clihome.Put(t, filepath.Join(home, "rules", "default.rules"), "prefix_rule(pattern=[\"echo\"], decision=\"allow\")\n")
	clihome.Put(t, filepath.Join(home, "skills", "rye", "SKILL.md"), "---\nname: rye\ndescription: bakes rye\n---\nKnead.\n")
	clihome.Put(t, filepath.Join(home, "skills", "rye", "scripts", "knead.sh"), "echo knead\n")
	clihome.Put(t, filepath.Join(home, "prompts", "plan.md"), "Plan it.\n")
	clihome.Put(t, filepath.Join(home, "memories", "MEMORY.md"), "# Rye\n")
	clihome.Put(t, filepath.Join(home, "memories", "rollout_summaries", "a.md"), "sum\n")
	clihome.Put(t, filepath.Join(home, "history.jsonl"), `{"session_id":"x","ts":1,"text":"é 🙂"}`+"\n")
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewRGBA(image.Rect(0, 0, 64, 64))); err != nil {
		t.Fatal(err)
	}
	clihome.Put(t, filepath.Join(work, "p.png"), picture.String())

	codex(t, home, work, "-i", filepath.Join(work, "p.png"), "--", "what is in the picture?")
	codex(t, home, work, "do: a lot of output")
	codex(t, home, work, "-m", "test-2", "do: think")
	codex(t, home, work, "-s", "read-only", "do: fail")
	a := startApp(t, home, work)
	first := id(a.call("thread/start", object{"cwd": work}))
	for _, s := range []string{"do: search", "do: make a plan", "please list files"} {
		a.turn(first, s)
	}
	fork := id(a.call("thread/fork", object{"threadId": first}))
	a.turn(fork, "said in the fork")
	forkOfFork := id(a.call("thread/fork", object{"threadId": fork}))
	a.turn(forkOfFork, "said in the fork of the fork")
	a.call("thread/compact/start", object{"threadId": forkOfFork})
	for a.next("turn/completed")["method"] != "turn/completed" {
	}
	a.turn(forkOfFork, "after the compaction")
	archived := id(a.call("thread/start", object{"cwd": work}))
	a.turn(archived, "an old thing")
	a.call("thread/archive", object{"threadId": archived})
	a.stop()
	if len(rollouts(t, home)) != 7 {
		t.Errorf("%v", rollouts(t, home))
	}
	want := shown(t, home, work)
	held := rows(t, home)

	out := clihome.Exitramp(t, 0, "export", "codex:"+home, archive)
	if strings.Contains(out, "GAPS") || !strings.Contains(out, "conversation 8 RECONCILED") {
		t.Errorf("export: %s", out)
	}
	for _, kind := range []string{"policy", "agent", "skill", "artifact", "memory", "credential", "conversation", "message", "state", "opaque", "toolgrant"} {
		if out := clihome.Exitramp(t, 0, "cat", archive, kind); strings.Contains(out, "canary-secret") {
			t.Errorf("a %s holds %s", kind, out[strings.Index(out, "canary-secret"):][:20])
		}
	}
	compacted := ""
	for line := range strings.Lines(clihome.Exitramp(t, 0, "cat", archive, "conversation")) {
		if strings.Contains(line, forkOfFork) && strings.Contains(line, "context_keys") {
			compacted = line
		}
	}
	if !strings.Contains(compacted, "line%20") { // what a compaction put in the place of all before it
		t.Errorf("what the model sees of a compacted thread is not said: %s", compacted)
	}
	approve := filepath.Join(dir, "approve")
	clihome.Put(t, approve, clihome.Powers(t, archive))
	clihome.Exitramp(t, 0, "replay", archive, "codex:"+copied, "--accept-unsigned", "--approve", approve, "--journal", filepath.Join(dir, "j1"))
	if out := clihome.Exitramp(t, 0, "readback", archive, "codex:"+copied, "--accept-unsigned", "--journal", filepath.Join(dir, "j1")); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("readback: %s", out)
	}
	from, to := clihome.Tree(t, home), clihome.Tree(t, copied)
	for rel, text := range from {
		got, there := to[rel]
		switch {
		case notCarried.MatchString(rel):
		case !there:
			t.Errorf("%s is not there", rel)
		case strings.HasSuffix(rel, "config.toml"): // to the byte, but for the secrets
			if strings.Contains(got, "canary") || !strings.Contains(got, "model = ") {
				t.Errorf("%s: %s", rel, got)
			}
		case got != text:
			t.Errorf("%s is another file", rel)
		}
	}
	for rel := range to {
		if _, ok := from[rel]; !ok {
			t.Errorf("%s was never there", rel)
		}
	}
	same(t, "rows of the copy", held, rows(t, copied))
	if err := os.Rename(home, home+".gone"); err != nil {
		t.Fatal(err)
	}
	config(t, m, copied)
	same(t, "what the CLI shows of the copy", want, shown(t, copied, work))
	codex(t, copied, work, "resume", forkOfFork, "go on there")
	clihome.Says(t, m.last(), "canary-memory", "after the compaction", "go on there")
	codex(t, copied, work, "resume", fork, "go on in the fork")
	clihome.Says(t, m.last(), "do: search", "do: make a plan", "list files", "hello-from-tool", "said in the fork", "go on in the fork")
}
