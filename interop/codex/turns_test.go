package codex

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/interop/clihome"
)

// TestTurnsCounted: of rollouts with a rollback in them, the archive says that the model sees what either release of the
// CLI sends it: notes of the program, too.
func TestTurnsCounted(t *testing.T) {
	m, dir, home, work := atWork(t)
	older := filepath.Join(filepath.Dir(binary(t)), "..", "..", "..", "codex-older", "bin", "codex.js")
	line := func(typ string, payload object) string {
		b, err := json.Marshal(object{"timestamp": "2026-11-24T03:00:00.000Z", "type": typ, "payload": payload})
		if err != nil {
			t.Fatal(err)
		}
		return string(b) + "\n"
	}
	said := func(role string, texts ...string) (out string) {
		typ := map[bool]string{true: "output_text", false: "input_text"}[role == "assistant"]
		for _, s := range texts {
			out += line("response_item", object{"type": "message", "role": role, "content": []any{object{"type": typ, "text": s}}})
		}
		return out
	}
	turn := func(s string) string { return said("user", "ask "+s) + said("assistant", "say "+s) }
	const env, rules = "<environment_context>\n<cwd>/x</cwd>\n</environment_context>", "<permissions instructions>all</permissions instructions>"
	bodies := []string{
		turn("one") + said("developer", rules) + said("user", env) + turn("two"),
		turn("one") + said("developer", "be brief") + said("user", env) + turn("two"),
		said("developer", rules) + said("user", env) + turn("one"),
		turn("one") + said("user", "<user_shell_command>\nls\n</user_shell_command>") + turn("two"),
		turn("one") + said("user", "ask two", "<turn_aborted>\nby hand\n</turn_aborted>") + turn("three"),
		turn("one") + turn("two") + said("user", "<external_a b>c</external_a b>"),
		turn("one") + said("user", "<user_action>a review</user_action>"),
		turn("one") + said("user", "# AGENTS.md instructions for us: write them"),
		turn("one") + turn("two") + said("user", "# AGENTS.md instructions for /w\n\n<INSTRUCTIONS>\nKnead.\n</INSTRUCTIONS>"),
		turn("one") + said("assistant", `{"author":"/root","recipient":"/root/x","other_recipients":[],"content":"c","trigger_turn":true}`) + said("assistant", "say two"),
	}
	threads := map[string][]string{}
	for _, cli := range []string{older, binary(t)} {
		for _, body := range bodies {
			id := fmt.Sprintf("01a20b77-0000-7000-8000-%012d", len(threads[older])+100*len(threads[binary(t)]))
			threads[cli] = append(threads[cli], id)
			clihome.Put(t, filepath.Join(home, "sessions/2026/11/24/rollout-2026-11-24T03-00-00-"+id+".jsonl"),
				line("session_meta", object{"id": id, "timestamp": "2026-11-24T03:00:00.000Z", "cwd": work, "originator": "codex_cli_rs", "cli_version": "0.142.5", "source": "cli"})+
					body+line("event_msg", object{"type": "thread_rolled_back", "num_turns": 1}))
		}
	}
	archive := filepath.Join(dir, "a.ctxa")
	clihome.Exitramp(t, 0, "export", "codex:"+home, archive)
	view := inView(t, archive)
	for cli, ids := range threads {
		for i, id := range ids {
			execute(t, cli, home, work, "resume", id, "and on it goes")
			var got []string
			m.mu.Lock()
			for _, raw := range m.input {
				var e entry
				json.Unmarshal(raw, &e)
				// The rest is what the CLI itself says before the new turn.
				if b, _ := json.Marshal(e.Content[0].Text); len(e.Content) == 1 && strings.Contains(bodies[i], string(b)) {
					got = append(got, e.Content[0].Text)
				}
			}
			m.mu.Unlock()
			if !slices.Equal(got, view[id]) {
				t.Errorf("%s, thread %d: the CLI sends\n%q\nand the archive says\n%q", filepath.Base(filepath.Dir(filepath.Dir(cli))), i, got, view[id])
			}
		}
	}
}

// inView are the texts that the model sees of each thread, notes of the program among them.
func inView(t *testing.T, archive string) map[string][]string {
	t.Helper()
	texts := map[string]string{}
	for l := range strings.Lines(clihome.Output(t, "cat", archive, "message")) {
		var m struct {
			Meta  struct{ Key string }
			Parts []struct {
				Text string
				Data struct{ Inline []byte }
			}
		}
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			t.Fatal(err)
		}
		for _, p := range m.Parts {
			texts[m.Meta.Key] += p.Text + string(p.Data.Inline)
		}
	}
	out := map[string][]string{}
	for l := range strings.Lines(clihome.Output(t, "cat", archive, "conversation")) {
		var c struct {
			Meta    struct{ Key string }
			Context []string `json:"context_keys"`
		}
		if err := json.Unmarshal([]byte(l), &c); err != nil {
			t.Fatal(err)
		}
		id := uuid.FindString(filepath.Base(strings.ReplaceAll(c.Meta.Key, "%2F", "/")))
		for _, k := range c.Context {
			if texts[k] != "" {
				out[id] = append(out[id], texts[k])
			}
		}
	}
	return out
}
