package codex

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/interop/clihome"
)

// shownOf is what people and the model said, as the CLI shows a thread.
func (a *app) shownOf(thread string) (out []string) {
	a.t.Helper()
	for _, turn := range a.call("thread/read", object{"threadId": thread, "includeTurns": true})["thread"].(object)["turns"].([]any) {
		for _, x := range turn.(object)["items"].([]any) {
			item := x.(object)
			switch item["type"] {
			case "userMessage":
				text := ""
				for _, c := range item["content"].([]any) {
					text += c.(object)["text"].(string)
				}
				out = append(out, "user: "+text)
			case "agentMessage":
				out = append(out, "assistant: "+item["text"].(string))
			}
		}
	}
	return out
}

// TestForeignGoesOn: what another runtime said is shown once and sent once by the real CLI, when it goes on in it, in a
// fork of it and behind a compaction, and is read once out of the home.
func TestForeignGoesOn(t *testing.T) {
	m, dir, home, work := atWork(t)
	archive, again := filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "again.ctxa")
	clihome.Exitramp(t, 0, "export", "langgraph+sqlite:../../cmd/exitramp/demo/support.sqlite", archive)
	clihome.Exitramp(t, 0, "replay", archive, "codex:"+home, "--accept-unsigned")
	clihome.Exitramp(t, 0, "export", "codex:"+home, again)
	said := viewed(t, again)
	a := startApp(t, home, work)
	var all []string
	for _, x := range a.call("thread/list", object{})["data"].([]any) {
		thread := x.(object)["id"].(string)
		want := said[thread]
		if got := a.shownOf(thread); len(got) == 0 || !slices.Equal(got, want) {
			t.Errorf("the CLI shows\n%s\nand the archive says\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		sends := func(text string) {
			t.Helper()
			want = append(slices.Clone(want), "user: "+text)
			if got := m.sent(); !slices.Equal(got, want) {
				t.Errorf("the CLI sends\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		a.call("thread/resume", object{"threadId": thread})
		a.turn(thread, "thank you")
		sends("thank you")
		fork := id(a.call("thread/fork", object{"threadId": thread}))
		if got := a.shownOf(fork); !slices.Equal(got, a.shownOf(thread)) {
			t.Errorf("the CLI shows in the fork\n%s", strings.Join(got, "\n"))
		}
		a.compact(fork)
		a.turn(fork, "in the fork")
		all = append(all, thread, fork)
	}
	a.stop()
	goesOn(t, m, binary(t), home, work, all...)
}

// TestForeignParts: a refusal, for which the CLI has no part, is shown and sent with the words beside it, and an image that
// nothing was said with is shown.
func TestForeignParts(t *testing.T) {
	m, dir, home, work := atWork(t)
	from, archive := filepath.Join(dir, "from"), filepath.Join(dir, "a.ctxa")
	clihome.Put(t, filepath.Join(from, "items.json"), `[{"role":"user","content":[{"type":"input_image","image_url":"https://example.org/a.png","detail":"auto"}]},
		{"type":"message","id":"m1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"a picture","annotations":[]},{"type":"refusal","refusal":"not that one"}]}]`)
	clihome.Exitramp(t, 0, "export", "openaiagents:"+from, archive)
	clihome.Exitramp(t, 0, "replay", archive, "codex:"+home, "--accept-unsigned")
	thread := uuid.FindString(filepath.Base(rollouts(t, home)[0]))
	a := startApp(t, home, work)
	shown, err := json.Marshal(a.call("thread/read", object{"threadId": thread, "includeTurns": true}))
	if err != nil {
		t.Fatal(err)
	}
	a.stop()
	clihome.Says(t, string(shown), "https://example.org/a.png", `a picture\nnot that one`)
	codex(t, home, work, "resume", thread, "go on")
	clihome.Says(t, m.last(), "a picture", "not that one", "go on")
}
