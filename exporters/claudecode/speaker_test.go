package claudecode

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestSpeakers: words that no person said never stand in a user's line, and a user's line has a
// result or a user's words.
func TestSpeakers(t *testing.T) {
	text, use, result := map[string]any{"type": "text"}, map[string]any{"type": "tool_use"}, map[string]any{"type": "tool_result"}
	for _, c := range []struct {
		role   pb.Role
		blocks []any
		want   string // a line each: a or u, and the number of its blocks
	}{
		{pb.Role_ROLE_USER, []any{text, text}, "u2 "},
		{pb.Role_ROLE_USER, []any{text, result}, "u2 "},
		{pb.Role_ROLE_USER, []any{text, use}, "u1 a1 "},
		{pb.Role_ROLE_ASSISTANT, []any{text, use}, "a1 a1 "},
		{pb.Role_ROLE_TOOL, []any{text}, "a1 "},
		{pb.Role_ROLE_TOOL, []any{result, result}, "u2 "},
		{pb.Role_ROLE_TOOL, []any{result, text}, "u1 a1 "},
		{pb.Role_ROLE_UNSPECIFIED, []any{text}, "a1 "},
	} {
		got := ""
		for _, l := range linesOf(&pb.Message{Role: c.role}, c.blocks) {
			who := "u"
			if l.assistant {
				who = "a"
			}
			got += fmt.Sprint(who, len(l.content), " ")
		}
		if got != c.want {
			t.Errorf("%s %v: %q, want %q", c.role, c.blocks, got, c.want)
		}
	}
}

// spoken is a text, and in brackets one that is data, which nobody said.
func spoken(p *pb.Part) string {
	if d := p.GetData(); d != nil {
		return "(" + string(d.GetInline()) + ")"
	}
	return p.GetText()
}

// TestQueued: what a person says while the model is at work is theirs, with its pictures; that a task has ended is not.
func TestQueued(t *testing.T) {
	line := func(n int, prompt, mode string) string {
		return fmt.Sprintf(`{"type":"attachment","uuid":"01a20b77-0000-4000-8000-00000000000%d","sessionId":"s","attachment":{"type":"queued_command","prompt":%s,"commandMode":%s}}`+"\n", n, prompt, mode)
	}
	mem, rep := drivertest.Export(t, home(t, map[string]string{"projects/-w/01a20b77-0000-4000-8000-0000000000aa.jsonl": line(1, `"wait"`, `"prompt"`) +
		line(2, `[{"type":"text","text":"so"},{"type":"image","source":{"type":"url","url":"https://x"}}]`, "null") + line(3, `"ended"`, `"task-notification"`) +
		line(4, `"hi"`, `"prompt","origin":{"kind":"peer"},"isMeta":true`) + line(5, `"on"`, `"prompt","isMeta":true`) + line(6, `"me"`, `"prompt","origin":{"kind":"human"}`) + line(7, `"yes"`, `"prompt","isMeta":true,"origin":{"kind":"human"}`)}))
	var got []string
	for r := range mem.Records(t.Context(), nil) {
		if m, ok := r.(*pb.Message); ok {
			s := strings.TrimPrefix(m.Role.String(), "ROLE_") + " " + m.NativeRole
			for _, p := range m.Parts {
				s += " " + spoken(p) + p.GetMedia().GetUrl()
			}
			got = append(got, s)
		}
	}
	if d := cmp.Diff([]string{"USER  wait", "USER  so https://x", "UNSPECIFIED user/task-notification (ended)",
		"UNSPECIFIED user/peer (hi)", "UNSPECIFIED user/meta (on)", "USER  me", "USER  yes"}, got); d != "" || len(rep.Gaps) > 0 {
		t.Error(d, rep.Gaps)
	}
}

// TestOrigin: what a program puts where a person speaks is not the person's; what a person says elsewhere is.
func TestOrigin(t *testing.T) {
	line := func(n int, origin string) string {
		return fmt.Sprintf(`{"type":"user","uuid":"01a20b77-0000-4000-8000-00000000000%d","sessionId":"s","message":{"role":"user","content":"said %d"}%s}`+"\n", n, n, origin)
	}
	mem, _ := drivertest.Export(t, home(t, map[string]string{"projects/-w/01a20b77-0000-4000-8000-0000000000aa.jsonl": line(1, `,"origin":{"kind":"task-notification","producer":"x"}`) +
		line(2, `,"origin":{"kind":"human"}`) + line(3, "") + line(4, `,"origin":{"kind":"voice-call"}`) + line(5, `,"origin":7`) +
		line(6, `,"origin":{"kind":"unclassified"}`)}))
	var got []string
	for r := range mem.Records(t.Context(), nil) {
		switch r := r.(type) {
		case *pb.Conversation:
			got = append(got, r.Title)
		case *pb.Message:
			got = append(got, strings.TrimPrefix(r.Role.String(), "ROLE_")+" "+r.NativeRole)
		}
	}
	if d := cmp.Diff([]string{"said 2", "UNSPECIFIED user/task-notification", "USER ", "USER ", "USER ", "USER ", "UNSPECIFIED user/unclassified"}, got); d != "" {
		t.Error(d)
	}
}

// TestMeta: what the program says where a person speaks is a note; what a command or a skill says, which a person called,
// is theirs.
func TestMeta(t *testing.T) {
	n, lines := 0, ""
	add := func(content, more string) {
		n++
		parent := "null"
		if n > 1 {
			parent = fmt.Sprintf(`"01a20b77-0000-4000-8000-%012d"`, n-1)
		}
		lines += fmt.Sprintf(`{"type":"user","parentUuid":%s,"uuid":"01a20b77-0000-4000-8000-%012d","sessionId":"s","message":{"role":"user","content":%s}%s}`+"\n", parent, n, content, more)
	}
	const meta = `,"isMeta":true`
	add(`"[Request interrupted by user]"`, "")
	add(`"<local-command-caveat>x</local-command-caveat>"`, meta)
	add(`"<command-name>/cost</command-name>"`, "")
	add(`"<local-command-stdout>3</local-command-stdout>"`, "")
	add(`"bake"`, "")
	add(`"Stop hook feedback: no"`, meta)
	add(`[{"type":"text","text":"Knead."}]`, meta+`,"sourceToolUseID":"toolu_1"`)
	add(`"<command-message>plan</command-message>\n<command-name>/plan</command-name>"`, "")
	add(`[{"type":"text","text":"Plan it."}]`, meta)
	add(`[{"type":"text","text":"And more."}]`, meta)
	add(`"go on"`, "")
	add(`"Continue from where you left off."`, meta)
	add(`"<bash-input>ls</bash-input>"`, "")
	add(`"<bash-stdout>a</bash-stdout><bash-stderr></bash-stderr>"`, "")
	add(`"<b>mine</b>"`, "")
	add(`"spoken"`, meta+`,"origin":{"kind":"human"}`)
	mem, _ := drivertest.Export(t, home(t, map[string]string{"projects/-w/01a20b77-0000-4000-8000-0000000000aa.jsonl": lines}))
	var got []string
	for r := range mem.Records(t.Context(), nil) {
		switch r := r.(type) {
		case *pb.Conversation:
			got = append(got, r.Title)
		case *pb.Message:
			got = append(got, strings.TrimPrefix(r.Role.String(), "ROLE_")+" "+r.NativeRole)
		}
	}
	if d := cmp.Diff([]string{"bake", "UNSPECIFIED user/interrupted", "UNSPECIFIED user/meta", "USER ", "UNSPECIFIED user/local-command-stdout", "USER ", "UNSPECIFIED user/meta", "USER ", "USER ", "USER ", "USER ",
		"USER ", "UNSPECIFIED user/meta", "USER ", "UNSPECIFIED user/bash-stdout", "USER ", "USER "}, got); d != "" {
		t.Error(d)
	}
}

// TestFailed: what stands in an answer's place where the provider refused is no answer, and the model does not see it; what
// the program says in the model's name is of no model.
func TestFailed(t *testing.T) {
	line := func(n int, typ, message, more string) string {
		parent := "null"
		if n > 1 {
			parent = fmt.Sprintf(`"01a20b77-0000-4000-8000-%012d"`, n-1)
		}
		return fmt.Sprintf(`{"type":%q,"parentUuid":%s,"uuid":"01a20b77-0000-4000-8000-%012d","sessionId":"s","message":%s%s}`+"\n", typ, parent, n, message, more)
	}
	said := func(id, text string) string {
		return `{"id":"` + id + `","role":"assistant","model":"<synthetic>","content":[{"type":"text","text":"` + text + `"}]}`
	}
	mem, _ := drivertest.Export(t, home(t, map[string]string{"projects/-w/01a20b77-0000-4000-8000-0000000000aa.jsonl": line(1, "user", `{"role":"user","content":"ask"}`, "") +
		line(2, "assistant", strings.Replace(said("a", "API Error: 529"), "}]", `},{"type":"text","text":"again"}]`, 1), `,"isApiErrorMessage":true`) + line(3, "user", `{"role":"user","content":"again"}`, "") + line(4, "assistant", said("b", "No response requested."), "") +
		line(5, "assistant", strings.Replace(said("c", "as of a proxy"), "<synthetic>", "m", 1), `,"isApiErrorMessage":true`) + line(6, "system", "null", `,"subtype":"notice","content":"hooks ran"`)}))
	var got, context []string
	for r := range mem.Records(t.Context(), nil) {
		switch r := r.(type) {
		case *pb.Conversation:
			for _, k := range r.ContextKeys {
				context = append(context, k[len(k)-1:])
			}
		case *pb.Message:
			said := ""
			for _, p := range r.Parts {
				said += spoken(p)
			}
			got = append(got, strings.TrimPrefix(r.Role.String(), "ROLE_")+" "+r.NativeRole+" "+r.Model+said)
		}
	}
	if d := cmp.Diff([]string{"USER  ask", "UNSPECIFIED assistant/error (API Error: 529)(again)", "USER  again", "ASSISTANT  No response requested.", "ASSISTANT  mas of a proxy",
		"UNSPECIFIED system/notice (hooks ran)"}, got) + cmp.Diff([]string{"1", "3", "4", "5", "6"}, context); d != "" {
		t.Error(d)
	}
}

// TestAttachments: a file that a person names, and what a hook says, stand beside the words of the message that they follow, as
// data: the model sees them, and nobody said them.
func TestAttachments(t *testing.T) {
	n, lines := 0, ""
	add := func(typ, member, value string) {
		n++
		parent := "null"
		if n > 1 {
			parent = fmt.Sprintf(`"01a20b77-0000-4000-8000-%012d"`, n-1)
		}
		lines += fmt.Sprintf(`{"type":%q,"parentUuid":%s,"uuid":"01a20b77-0000-4000-8000-%012d","sessionId":"s",%q:%s}`+"\n", typ, parent, n, member, value)
	}
	add("attachment", "attachment", `{"type":"hook_success","content":"of the start"}`)
	add("user", "message", `{"role":"user","content":"look at @a.txt"}`)
	add("attachment", "attachment", `{"type":"file","filename":"a.txt","content":{"type":"text","file":{"content":"rye"}}}`)
	add("attachment", "attachment", `{"type":"prompt_snapshot","systemPrompt":["long"]}`)
	add("attachment", "attachment", `{"type":"hook_success","content":""}`)
	add("attachment", "attachment", `{"type":"hook_success","content":"said"}`)
	add("assistant", "message", `{"id":"m","role":"assistant","model":"x","content":[{"type":"text","text":"rye"}]}`)
	mem, rep := drivertest.Export(t, home(t, map[string]string{"projects/-w/01a20b77-0000-4000-8000-0000000000aa.jsonl": lines}))
	var got []string
	for r := range mem.Records(t.Context(), nil) {
		switch r := r.(type) {
		case *pb.Conversation:
			got = append(got, r.Title)
		case *pb.Message:
			for _, p := range r.Parts {
				got = append(got, strings.TrimPrefix(r.Role.String(), "ROLE_")+" "+p.GetText()+string(p.GetData().GetInline()))
			}
		}
	}
	if d := cmp.Diff([]string{"look at @a.txt", "USER look at @a.txt", `USER {"type":"hook_success","content":"of the start"}`, `USER {"type":"file","filename":"a.txt","content":{"type":"text","file":{"content":"rye"}}}`,
		`USER {"type":"hook_success","content":"said"}`, "ASSISTANT rye"}, got); d != "" || len(rep.Gaps) > 0 {
		t.Error(d, rep.Gaps)
	}
}

// TestLongHook: what a hook says at the start takes the first message no room, however much it is.
func TestLongHook(t *testing.T) {
	lines := fmt.Sprintf(`{"type":"attachment","parentUuid":null,"uuid":"01a20b77-0000-4000-8000-000000000001","sessionId":"s","attachment":{"type":"hook_success","content":%q}}`+"\n", strings.Repeat("x", maxParts-200)) +
		fmt.Sprintf(`{"type":"user","parentUuid":"01a20b77-0000-4000-8000-000000000001","uuid":"01a20b77-0000-4000-8000-000000000002","sessionId":"s","message":{"role":"user","content":%q}}`+"\n", strings.Repeat("ask ", 100))
	mem, _ := drivertest.Export(t, home(t, map[string]string{"projects/-w/01a20b77-0000-4000-8000-0000000000aa.jsonl": lines}))
	for r := range mem.Records(t.Context(), nil) {
		if m, ok := r.(*pb.Message); ok && (len(m.Parts) != 1 || !strings.HasPrefix(m.Parts[0].GetText(), "ask")) {
			t.Errorf("%d parts, the first of them %.20q", len(m.Parts), m.Parts[0].GetText())
		}
	}
}
