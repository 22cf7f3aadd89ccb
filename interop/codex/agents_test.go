package codex

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/interop/clihome"
)

// TestAgents: agents speak to each other, in the pinned release and in an older one, which writes that in another form;
// what they say is in the archive, and the CLI sends it when it goes on in the copy.
func TestAgents(t *testing.T) {
	for name, cli := range map[string]string{"pinned": binary(t), "older": filepath.Join(filepath.Dir(binary(t)), "..", "..", "..", "codex-older", "bin", "codex.js")} {
		t.Run(name, func(t *testing.T) {
			m := newModel(t)
			call := func(tool string, args object) []object {
				b, _ := json.Marshal(args)
				o := object{"type": "function_call", "id": "fc_" + tool, "call_id": "call_" + tool, "name": tool, "arguments": string(b), "status": "completed"}
				if name == "pinned" {
					o["namespace"] = "collaboration"
				}
				return []object{o}
			}
			m.script = map[string][]object{
				"do: spawn": call("spawn_agent", object{"task_name": "looker", "message": "look at the rye"}),
				"do: wait":  call("wait_agent", object{"timeout_ms": 10000}),
			}
			dir := t.TempDir()
			home, work, archive, copied := filepath.Join(dir, "home"), filepath.Join(dir, "work"), filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "copy")
			if err := os.MkdirAll(work, 0o700); err != nil {
				t.Fatal(err)
			}
			settings := func(home string) {
				config(t, m, home)
				b, err := os.ReadFile(filepath.Join(home, "config.toml"))
				if err != nil {
					t.Fatal(err)
				}
				clihome.Put(t, filepath.Join(home, "config.toml"), string(b)+"[features]\nmulti_agent_v2 = true\n")
			}
			settings(home)
			a := startAppOf(t, cli, home, work)
			first := id(a.call("thread/start", object{"cwd": work}))
			a.turn(first, "do: spawn")
			// What the agent answers reaches its parent with the next turn after it.
			for until := time.Now().Add(time.Minute); !strings.Contains(m.last(), "Message Type: FINAL_ANSWER"); {
				if time.Now().After(until) {
					t.Fatal("the agent does not answer in a minute")
				}
				a.turn(first, "do: wait")
			}
			a.stop()
			if n := len(rollouts(t, home)); n != 2 {
				t.Fatalf("%d rollouts, want the thread's and the agent's", n)
			}
			if out := clihome.Exitramp(t, 0, "export", "codex:"+home, archive); strings.Contains(out, "GAPS") {
				t.Errorf("export: %s", out)
			}
			spoke := 0
			for line := range strings.Lines(clihome.Output(t, "cat", archive, "message")) {
				if strings.Contains(line, `"native_role":"agent_message"`) {
					spoke++
					if !strings.Contains(line, `"author_path":["root"`) || !strings.Contains(line, "look at the rye") && !strings.Contains(line, "Message Type: FINAL_ANSWER") {
						t.Errorf("an agent says %s", line)
					}
				}
			}
			if spoke < 2 {
				t.Errorf("agents said %d things, want a task and its answer", spoke)
			}
			clihome.Exitramp(t, 0, "replay", archive, "codex:"+copied, "--accept-unsigned")
			if err := os.Rename(home, home+".gone"); err != nil {
				t.Fatal(err)
			}
			settings(copied)
			execute(t, cli, copied, work, "resume", first, "and on it goes")
			clihome.Says(t, m.last(), "do: spawn", "look at the rye", "Message Type: FINAL_ANSWER", "and on it goes")
		})
	}
}
