package claudecode

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/interop/clihome"
)

// A part is a part of a message, in the API's form or in the archive's, as far as it is compared.
type part struct {
	Type, Text, ID string
	ToolUse        string               `json:"tool_use_id"`
	Call           *struct{ ID string } `json:"tool_call"`
	Result         *struct{ ID string } `json:"tool_result"`
}

// meanwhile stands before what a person says while tools run.
const meanwhile = "The user sent a new message while you were working:\n"

// plain is what a part says: words, calls, results; empty: a reminder of the program.
func (p part) plain(role string) string {
	switch {
	case p.Call != nil:
		return "call " + p.Call.ID
	case p.Result != nil:
		return "result " + p.Result.ID
	case p.Type == "tool_use":
		return "call " + p.ID
	case p.Type == "tool_result":
		return "result " + p.ToolUse
	case strings.Contains(p.Text, meanwhile): // as the CLI tells the model of it
		_, said, _ := strings.Cut(p.Text, meanwhile)
		said, _, _ = strings.Cut(said, "\n\nThis is how")
		return role + ": " + said
	case p.Text == "" || strings.HasPrefix(p.Text, "<system-reminder>") || strings.HasPrefix(p.Text, "[SYSTEM NOTIFICATION"):
		return ""
	}
	return role + ": " + strings.TrimSpace(p.Text)
}

// sent is what was said in the last request of the conversation itself.
func (m *model) sent(t *testing.T) (out []string) {
	t.Helper()
	var ms []message
	if err := json.Unmarshal([]byte(m.last()), &ms); err != nil {
		t.Fatal(err)
	}
	for _, x := range ms {
		var text string
		var parts []part
		if json.Unmarshal(x.Content, &text) == nil {
			parts = []part{{Text: text}}
		} else if err := json.Unmarshal(x.Content, &parts); err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			if s := p.plain(x.Role); s != "" && x.Role != "system" {
				out = append(out, s)
			}
		}
	}
	return out
}

// viewed is what was said in each session of an archive, as far as the model sees it.
func viewed(t *testing.T, archive string) map[string][]string {
	t.Helper()
	said, own, out := map[string][]string{}, map[string][]string{}, map[string][]string{}
	for line := range strings.Lines(clihome.Output(t, "cat", archive, "message")) {
		var m struct {
			Meta         struct{ Key string }
			Conversation string `json:"conversation_key"`
			Role         string
			Native       string `json:"native_role"`
			Parts        []struct {
				part
				Data struct {
					MediaType string `json:"media_type"`
					Inline    []byte
				}
			}
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		own[m.Conversation] = append(own[m.Conversation], m.Meta.Key)
		for _, p := range m.Parts {
			if m.Native == "user/meta" || m.Native == "user/interrupted" || strings.HasPrefix(m.Native, "user/local-command-") || m.Native == "user/bash-stdout" { // the program's, and sent as a user's
				if m.Role = "ROLE_USER"; p.Data.MediaType == "text/plain" { // else a file beside it
					p.Text = string(p.Data.Inline)
				}
			}
			// What else a program says has no role: that a task has ended, or was compacted.
			if s := p.plain(strings.ToLower(strings.TrimPrefix(m.Role, "ROLE_"))); s != "" && m.Role != "" {
				said[m.Meta.Key] = append(said[m.Meta.Key], s)
			}
		}
	}
	for line := range strings.Lines(clihome.Output(t, "cat", archive, "conversation")) {
		var c struct {
			Meta    struct{ Key string }
			Context []string `json:"context_keys"`
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		keys := c.Context
		if len(keys) == 0 {
			keys = own[c.Meta.Key]
		}
		id := c.Meta.Key[strings.LastIndexByte(c.Meta.Key, '/')+1:]
		for _, k := range keys {
			out[id] = append(out[id], said[k]...)
		}
	}
	return out
}

// words leaves calls and results out: they are sent together where an answer has several.
func words(said []string) (out []string) {
	for _, s := range said {
		if !strings.HasPrefix(s, "call ") && !strings.HasPrefix(s, "result ") {
			out = append(out, s)
		}
	}
	return out
}

// TestParallelTools: the real CLI runs tools and agents beside each other, forks and compacts; what the archive says that
// the model sees is what the CLI sends it when it goes on in the copy.
func TestParallelTools(t *testing.T) {
	m := newModel(t)
	home, work := folders(t)
	use := func(name string, input object) object {
		return object{"type": "tool_use", "name": name, "input": input}
	}
	bash := func(cmd string) object { return use("Bash", object{"command": cmd, "description": "run it"}) }
	read := func(name string) object { return use("Read", object{"file_path": filepath.Join(work, name)}) }
	agent := func(s string) object {
		return use("Agent", object{"description": "look", "prompt": s, "subagent_type": "general-purpose"})
	}
	clihome.Put(t, filepath.Join(work, "a.txt"), "rye\n")
	m.script = map[string][]object{
		"do: two":            {object{"type": "text", "text": "I run both."}, bash("echo one"), bash("echo two")},
		"do: think and read": {object{"type": "thinking", "thinking": "I weigh it.", "signature": "c2VhbGVk"}, read("a.txt"), read("none.txt"), bash("echo three")},
		"do: ask others":     {agent("look at one"), agent("look at two")},
	}
	say := func(id, s string, more ...string) string {
		args := append([]string{"-p", s, "--allowedTools", "Bash(echo:*)", "Read", "Agent"}, more...)
		if id != "" {
			args = append(args, "--resume", id)
		}
		return claude(t, m, home, work, args...)
	}
	first := say("", "do: two")
	say(first, "do: think and read")
	fork := say(first, "do: two", "--fork-session")
	say(first, "do: ask others")
	summed := say(fork, "do: think and read", "--fork-session")
	say(summed, "/compact")
	say(summed, "do: two")

	goesOn(t, m, home, work, map[string]string{"first": first, "fork": fork, "compacted": summed}, 2)
}

// goesOn carries a home, and compares for each session what the archive says that the model sees with what the CLI sends
// when it goes on in the copy: at least so many results.
func goesOn(t *testing.T, m *model, home, work string, sessions map[string]string, results int) {
	t.Helper()
	dir := t.TempDir()
	archive, copied := filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "copy")
	if out := clihome.Exitramp(t, 0, "export", "claudecode:"+home, archive); strings.Contains(out, "GAPS") {
		t.Errorf("export: %s", out)
	}
	clihome.Exitramp(t, 0, "replay", archive, "claudecode:"+copied, "--accept-unsigned")
	if out := clihome.Exitramp(t, 0, "readback", archive, "claudecode:"+copied, "--accept-unsigned"); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("readback: %s", out)
	}
	if err := os.Rename(home, home+".gone"); err != nil {
		t.Fatal(err)
	}
	view := viewed(t, archive)
	for name, id := range sessions {
		claude(t, m, copied, work, "-p", "and on it goes", "--resume", id)
		want, got := append(slices.Clone(view[id]), "user: and on it goes"), m.sent(t)
		if !slices.Equal(words(got), words(want)) || !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			t.Errorf("%s: the CLI sends\n%s\nand the archive says\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if n := strings.Count(strings.Join(got, "\n"), "result "); n < results {
			t.Errorf("%s: %d results, which this test is for", name, n)
		}
	}
}

// stream gives the real CLI several messages at once, and gives the session's id.
func stream(t *testing.T, m *model, home, work string, contents ...any) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t), "-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose", "--allowedTools", "Bash(echo:*)")
	cmd.Dir, cmd.Env = work, environment(m, home)
	var in bytes.Buffer
	for _, c := range contents {
		if err := json.NewEncoder(&in).Encode(object{"type": "user", "message": object{"role": "user", "content": c}}); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Stdin = &in
	out, err := cmd.CombinedOutput()
	id := regexp.MustCompile(`"session_id":"([^"]+)"`).FindSubmatch(out)
	if err != nil || id == nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(id[1])
}

// TestSteps: prompts that wait while tools run, pictures and documents, hooks that say something, a tool that is refused,
// edits, skills, commands, and a session that is taken back to an earlier answer.
func TestSteps(t *testing.T) {
	m := newModel(t)
	home, work := folders(t)
	use := func(name string, input object) []object {
		return []object{{"type": "tool_use", "name": name, "input": input}}
	}
	file := filepath.Join(work, "a.txt")
	clihome.Put(t, file, "rye\n")
	clihome.Put(t, filepath.Join(work, "CLAUDE.md"), "As @more.md says.\n")
	clihome.Put(t, filepath.Join(work, "more.md"), "Knead.\n")
	clihome.Put(t, filepath.Join(home, ".claude", "skills", "bake", "SKILL.md"), "---\nname: bake\ndescription: bakes\n---\nKnead it.\n")
	clihome.Put(t, filepath.Join(home, ".claude", "commands", "plan.md"), "Plan it: $ARGUMENTS\n")
	hook := func(command string) string { return `[{"hooks":[{"type":"command","command":"` + command + `"}]}]` }
	clihome.Put(t, filepath.Join(home, ".claude", "settings.json"), `{"hooks":{"UserPromptSubmit":`+hook("echo said by a hook")+`,"PostToolUse":`+hook("echo not so >&2; exit 2")+`,"Stop":`+hook("true")+`}}`)
	m.script = map[string][]object{
		"do: two": {use("Bash", object{"command": "echo one", "description": "run it"})[0], use("Bash", object{"command": "echo two", "description": "run it"})[0]},
		"do: rm":  use("Bash", object{"command": "rm -rf x", "description": "run it"}), "do: read": use("Read", object{"file_path": file}),
		"do: edit":  use("Edit", object{"file_path": file, "old_string": "rye", "new_string": "oat"}),
		"do: skill": use("Skill", object{"skill": "bake"}),
	}
	waited := stream(t, m, home, work, "do: two", "said meanwhile", "and this")
	whole := func(media, data string) object {
		return object{"type": "base64", "media_type": media, "data": base64.StdEncoding.EncodeToString([]byte(data))}
	}
	shown := stream(t, m, home, work, []any{object{"type": "text", "text": "look at these, do: two"}, object{"type": "image", "source": whole("image/png", "\x89PNG\r\n\x1a\n")},
		object{"type": "document", "source": whole("application/pdf", "%PDF-1.4\n1 0 obj<<>>endobj\n")}}, "and then")
	say := func(id, s string, more ...string) string {
		args := append([]string{"-p", s, "--allowedTools", "Bash(echo:*)", "Read", "Edit", "Skill"}, more...)
		if id != "" {
			args = append(args, "--resume", id)
		}
		return claude(t, m, home, work, args...)
	}
	long := say("", "do: rm")
	for _, s := range []string{"do: read", "do: edit", "do: skill", "/plan the rye", "/bake now", "last"} {
		say(long, s)
	}
	say(long, "after it was taken back", "--resume-session-at", answers(t, home, long)[4])
	goesOn(t, m, home, work, map[string]string{"waited": waited, "shown": shown, "taken back": long}, 1)
}

// answers are the ids of the lines of a session that the model wrote.
func answers(t *testing.T, home, session string) (ids []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(home, ".claude", "projects", "*", session+".jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		var o struct{ Type, UUID string }
		if json.Unmarshal([]byte(l), &o) == nil && o.Type == "assistant" {
			ids = append(ids, o.UUID)
		}
	}
	return ids
}
