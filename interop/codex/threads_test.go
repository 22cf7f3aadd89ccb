package codex

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/interop/clihome"
)

// An entry is a message, as far as it is compared.
type entry struct {
	Role    string
	Content []struct{ Text string }
}

// plain is what a message says; empty: nothing that a person or the model said.
func plain(role, text string) string {
	if text == "" || role != "user" && role != "assistant" || strings.HasPrefix(text, "<") || strings.HasPrefix(text, "# AGENTS.md") {
		return ""
	}
	return role + ": " + text
}

// sent is what people and the model said, in the last request.
func (m *model) sent() (out []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, raw := range m.input {
		var e entry
		if json.Unmarshal(raw, &e) != nil || len(e.Content) == 0 {
			continue
		}
		text := ""
		for _, c := range e.Content {
			text += c.Text
		}
		if s := plain(e.Role, text); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// viewed is what people and the model said, in each conversation of an archive, as far as the model sees it.
func viewed(t *testing.T, archive string) map[string][]string {
	t.Helper()
	said := map[string]string{}
	own := map[string][]string{}
	for line := range strings.Lines(clihome.Output(t, "cat", archive, "message")) {
		var m struct {
			Meta         struct{ Key string }
			Conversation string `json:"conversation_key"`
			Role         string
			Parts        []struct{ Text string }
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, p := range m.Parts {
			text += p.Text
		}
		said[m.Meta.Key] = plain(strings.ToLower(strings.TrimPrefix(m.Role, "ROLE_")), text)
		own[m.Conversation] = append(own[m.Conversation], m.Meta.Key)
	}
	out := map[string][]string{}
	for line := range strings.Lines(clihome.Output(t, "cat", archive, "conversation")) {
		var c struct {
			Meta    struct{ Key string }
			Context []string `json:"context_keys"`
			Status  string
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		if c.Status == "reverted" {
			continue
		}
		keys := c.Context
		if len(keys) == 0 {
			keys = own[c.Meta.Key]
		}
		id := uuid.FindString(filepath.Base(strings.ReplaceAll(c.Meta.Key, "%2F", "/")))
		if out[id] != nil {
			t.Errorf("two conversations are thread %s", id)
		}
		out[id] = []string{}
		for _, k := range keys {
			if said[k] != "" {
				out[id] = append(out[id], said[k])
			}
		}
	}
	return out
}

// compact sums a thread up.
func (a *app) compact(thread string) {
	a.t.Helper()
	a.call("thread/compact/start", object{"threadId": thread})
	for a.next("turn/completed")["method"] != "turn/completed" {
	}
}

// turns are the ids of a thread's turns.
func (a *app) turns(thread string) (ids []string) {
	a.t.Helper()
	for _, x := range a.call("thread/read", object{"threadId": thread, "includeTurns": true})["thread"].(object)["turns"].([]any) {
		ids = append(ids, x.(object)["id"].(string))
	}
	return ids
}

// goesOn carries a home, and compares for each thread what the archive says that the model sees with what the CLI sends
// when it goes on in the copy.
func goesOn(t *testing.T, m *model, cli, home, work string, threads ...string) map[string][]string {
	t.Helper()
	dir := t.TempDir()
	archive, copied, journal := filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "copy"), filepath.Join(dir, "j")
	if out := clihome.Exitramp(t, 0, "export", "codex:"+home, archive); strings.Contains(out, "GAPS") {
		t.Errorf("export: %s", out)
	}
	clihome.Exitramp(t, 0, "verify", archive, "--integrity-only")
	clihome.Exitramp(t, 0, "replay", archive, "codex:"+copied, "--accept-unsigned", "--journal", journal)
	if out := clihome.Exitramp(t, 0, "readback", archive, "codex:"+copied, "--accept-unsigned", "--journal", journal); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("readback: %s", out)
	}
	if err := os.Rename(home, home+".gone"); err != nil {
		t.Fatal(err)
	}
	config(t, m, copied)
	view := viewed(t, archive)
	for i, id := range threads {
		execute(t, cli, copied, work, "resume", id, "and on it goes")
		want := append(slices.Clone(view[id]), "user: and on it goes")
		if got := m.sent(); !slices.Equal(got, want) {
			t.Errorf("thread %d: the CLI sends\n%s\nand the archive says\n%s", i+1, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	return view
}

// TestReverts: the real CLI reverts, forks from what was reverted, compacts and forks again; what the archive says that
// the model sees is what the CLI sends it.
func TestReverts(t *testing.T) {
	m, _, home, work := atWork(t)
	a := startApp(t, home, work)
	first := id(a.call("thread/start", object{"cwd": work}))
	for _, s := range []string{"the first", "the second, list files", "the third, gone"} {
		a.turn(first, s)
	}
	turns := a.turns(first)
	early := id(a.call("thread/fork", object{"threadId": first, "lastTurnId": turns[1]}))
	a.turn(early, "in the early fork")
	a.call("thread/revert", object{"threadId": first, "beforeTurnId": turns[2]})
	a.turn(first, "after the revert")
	a.turn(first, "gone too")
	fork := id(a.call("thread/fork", object{"threadId": first}))
	a.turn(fork, "in the fork, gone")
	turns = a.turns(first)
	a.call("thread/revert", object{"threadId": first, "beforeTurnId": turns[len(turns)-1]})
	a.turn(first, "after the second revert")
	a.call("thread/revert", object{"threadId": fork, "beforeTurnId": turns[1]}) // into the turns of its parent
	a.turn(fork, "in the fork")
	deep := id(a.call("thread/fork", object{"threadId": fork}))
	a.turn(deep, "in the fork of the fork")
	a.compact(deep)
	last := id(a.call("thread/fork", object{"threadId": deep}))
	a.turn(last, "after the compaction")
	a.stop()
	goesOn(t, m, binary(t), home, work, first, early, fork, deep, last)
}

// TestRollbacks: an older CLI rolls turns back, in a thread, in a fork and behind a compaction.
func TestRollbacks(t *testing.T) {
	m := newModel(t)
	older := filepath.Join(filepath.Dir(binary(t)), "..", "..", "..", "codex-older", "bin", "codex.js")
	dir := t.TempDir()
	home, work := filepath.Join(dir, "home"), filepath.Join(dir, "work")
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatal(err)
	}
	config(t, m, home)
	a := startAppOf(t, older, home, work)
	back := func(thread string, n int) { a.call("thread/rollback", object{"threadId": thread, "numTurns": n}) }
	first := id(a.call("thread/start", object{"cwd": work}))
	for _, s := range []string{"the first", "the second, list files", "the third, gone"} {
		a.turn(first, s)
	}
	back(first, 1)
	a.turn(first, "after the rollback")
	fork := id(a.call("thread/fork", object{"threadId": first}))
	a.turn(fork, "in the fork, gone")
	back(fork, 2)
	a.turn(fork, "in the fork")
	summed := id(a.call("thread/fork", object{"threadId": fork}))
	a.compact(summed)
	for _, s := range []string{"after the compaction", "<b>gone too</b>", "and this"} { // words in tags are a person's, too
		a.turn(summed, s)
	}
	back(summed, 2)
	a.turn(summed, "and on")
	before := id(a.call("thread/fork", object{"threadId": summed}))
	back(before, 3) // also what was said before the compaction
	a.turn(before, "from there")
	running := m.sent()
	a.stop()
	// The parent of a fork is thrown away: the fork of this release has all turns itself.
	for _, f := range rollouts(t, home) {
		if strings.Contains(f, first) {
			if err := os.Remove(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	view := goesOn(t, m, older, home, work, fork, summed)
	// Resumed, this release forgets what stood before the compaction; while it runs, it sees it.
	if got := view[before]; len(got) < 2 || !slices.Equal(got[:len(got)-1], running) {
		t.Errorf("the CLI sent\n%s\nand the archive says\n%s", strings.Join(running, "\n"), strings.Join(got, "\n"))
	}
}
