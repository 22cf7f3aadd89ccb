package claudecode

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/homefiles/hometest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// files are all files below root that are carried, with their bytes and modes.
func files(t testing.TB, root string) map[string]string {
	t.Helper()
	return hometest.Files(t, root, func(rel string) bool { return kindOf(rel) != "" }, func(mode fs.FileMode, b []byte) string { return mode.String()[3:4] + string(b) })
}

// Every file that is carried goes back to the byte, but for the secrets in settings.
func TestExact(t *testing.T) {
	mem, rep := drivertest.Export(t, Open("testdata/home"))
	if rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("%v %v", rep.Verdict, rep.Gaps)
	}
	dst := Open(filepath.Join(t.TempDir(), "home"))
	if _, err := replay.Plan(t.Context(), dst, mem, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dst.root); err == nil {
		t.Error("the plan wrote")
	}
	held, hj := drivertest.Apply(t, dst, mem)
	power := []string{"policy/settings.json", "agent/agents%2Freviewer.md", "skill/skills%2Frelease%2FSKILL.md", "skill/commands%2Fplan.md"}
	for _, k := range append(power[:4:4], "artifact/skills%2Frelease%2Ftag.sh") { // which comes with its skill
		if !slices.Contains(held.Held, k) {
			t.Errorf("%s arrives without approval", k)
		}
	}
	if back, err := replay.ReadBack(t.Context(), mem, dst, hj); err != nil || back.MissingN+back.ExtraN != 0 || back.Same != back.Records {
		t.Errorf("%+v %v", back, err)
	}
	want, got := files(t, "testdata/home"), files(t, dst.root)
	for _, p := range []string{"settings.json", "agents/reviewer.md", "skills/release/SKILL.md", "skills/release/tag.sh", "commands/plan.md"} {
		delete(want, ".claude/"+p)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	dst = Open(filepath.Join(t.TempDir(), "home"))
	rep2, j := drivertest.Apply(t, dst, mem, power...)
	settings := files(t, dst.root)[".claude/settings.json"]
	if d := cmp.Diff(strings.Replace(files(t, "testdata/home")[".claude/settings.json"], "canary-zq-1", "", 1), settings); d != "" {
		t.Error(d)
	}
	if got := files(t, dst.root); len(got) != len(files(t, "testdata/home")) {
		t.Errorf("%d files", len(got))
	}
	if len(rep2.Refused)+len(rep2.Conflicts) > 0 || len(rep2.Held) != 6 {
		t.Errorf("%+v", rep2)
	}
	back, err := replay.ReadBack(t.Context(), mem, dst, j)
	if err != nil || back.MissingN != 0 || back.Same != back.Records {
		t.Errorf("%+v %v", back, err)
	}
	again, _ := drivertest.Apply(t, dst, mem, power...)
	if again.Actions[replay.Created] != 0 {
		t.Errorf("again: %v", again.Actions)
	}
	p := filepath.Join(dst.root, ".claude/projects/-home-dev-shop/0b5c7a52-6d0e-4d7e-9b57-0a4b8f0f1c11.jsonl")
	f, err := os.OpenFile(p, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("{}\n")
	f.Close()
	u, err := replay.Undo(t.Context(), dst, j)
	if err != nil || u.LeftN != 1 || !strings.Contains(u.Left[0].Key, "0b5c7a52") {
		t.Errorf("%+v %v", u, err)
	}
	if n := len(files(t, dst.root)); n != 1 {
		t.Errorf("%d files are left", n)
	}
}

// What the records say, to a person.
func TestRead(t *testing.T) {
	mem, _ := drivertest.Export(t, Open("testdata/home"))
	get := func(key string) agentstate.Record {
		t.Helper()
		r, err := mem.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const sid = "-home-dev-shop/0b5c7a52-6d0e-4d7e-9b57-0a4b8f0f1c11"
	id := func(n string) string { return "message/" + sid + "/00000000-0000-4000-8000-0000000000" + n }
	c := get("conversation/" + sid).(*pb.Conversation)
	if c.Title != "Shop prices" || c.HeadKey != id("10") {
		t.Error(c.Title, c.HeadKey)
	}
	if d := cmp.Diff([]string{id("09"), id("10")}, c.ContextKeys); d != "" {
		t.Error(d)
	}
	answer := get(id("02")).(*pb.Message)
	if len(answer.Parts) != 2 || answer.Parts[0].GetReasoning().GetText() != "hm" || answer.Parts[1].GetText() != "An answer." || answer.ParentKey != id("01") {
		t.Error(answer)
	}
	if m := get(id("04")).(*pb.Message); m.ParentKey != id("01") || m.Parts[1].GetMedia().GetData().GetMediaType() != "image/png" {
		t.Error(m)
	}
	if m := get(id("07")).(*pb.Message); !slices.Equal(m.AuthorPath, []string{"sidechain", "a1"}) {
		t.Error(m)
	}
	if m := get(id("08")).(*pb.Message); m.Role != pb.Role_ROLE_TOOL || string(m.Parts[0].GetToolResult().Output.GetInline()) != "seen" {
		t.Error(m)
	}
	if s := get("conversation/" + sid + "/subagents/agent-a1").(*pb.Conversation); s.ParentKey != c.Meta.Key {
		t.Error(s)
	}
	if g := get(agentstate.Key("toolgrant", ".claude/settings.json", "deny", "689beea0d4d182b4")).(*pb.ToolGrant); g.Effect != pb.ToolGrant_EFFECT_DENY || g.Pattern != "Bash(rm:*)" || g.PolicyKey == "" {
		t.Error(g)
	}
	if s := get(agentstate.Key("toolserver", "", "tickets")).(*pb.ToolServer); len(s.CredentialKeys) != 2 || s.Protocol != "mcp+http" {
		t.Error(s)
	}
	if m := get(agentstate.Key("memory", "projects/-home-dev-shop/memory/units.md")).(*pb.Memory); m.Name != "units" {
		t.Error(m)
	}
	// Nothing of the program's bookkeeping counts as a message.
	n := 0
	for r := range mem.Records(t.Context(), nil) {
		if m, ok := r.(*pb.Message); ok && strings.Contains(m.Meta.Key, "5893ad56") {
			n++
		}
	}
	if n != 6 { // prompt, text with call, result, answer, prompt, answer
		t.Errorf("%d messages", n)
	}
}

func home(t testing.TB, put map[string]string) *Home {
	t.Helper()
	in := map[string]string{}
	for rel, text := range put {
		in[filepath.Join(".claude", rel)] = text
	}
	return Open(hometest.Write(t, in))
}

// What may be state and is not carried is named; what is of the machine is not.
func TestNotCarried(t *testing.T) {
	src := home(t, map[string]string{"CLAUDE.md": "x", "projects/p/a.jsonl": "{}\n", "hooks/check.sh": "true", "novel/state.json": "{}", "novel/more.json": "{}",
		"statsig/cache.json": "{}", "plugins/store/x.json": "{}", ".credentials.json": "secret", "sessions/1.key": "secret"})
	outside := filepath.Join(t.TempDir(), "agent.md")
	if err := os.WriteFile(outside, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, l := range []string{"agents/linked.md", "statsig/link"} {
		p := filepath.Join(src.root, ".claude", l)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, p); err != nil {
			t.Fatal(err)
		}
	}
	_, rep := drivertest.Export(t, src)
	var got []string
	for _, g := range rep.Gaps {
		got = append(got, fmt.Sprintf("%s %s %d", g.Kind, g.Place, g.Count))
	}
	if d := cmp.Diff([]string{"agent .claude/agents/linked.md 1", "artifact .claude/novel 2"}, got); d != "" {
		t.Error(d)
	}
	if rep.Records["policy"] != 1 || rep.Records["memory"] != 1 || rep.Records["conversation"] != 1 {
		t.Errorf("%v", rep.Records)
	}
	for _, kind := range []string{"agent", "artifact"} {
		if v := rep.Verdict.Kinds[kind]; v.Coverage != agentstate.Gaps {
			t.Errorf("%s: %v", kind, v)
		}
	}
	if v := rep.Verdict.Kinds["memory"]; v.Coverage != agentstate.Reconciled {
		t.Errorf("memory: %v", v)
	}
}

// A hostile archive writes only files of Claude Code, and none outside of the home.
func TestHostile(t *testing.T) {
	artifact := func(rel string) *pb.Artifact {
		a := &pb.Artifact{Meta: agentstate.Meta("artifact", nil, rel), Data: agentstate.Inline("", []byte("x"))}
		a.Meta.Labels = []*pb.Label{{Name: labelPath, Value: rel}}
		return a
	}
	dst := Open(filepath.Join(t.TempDir(), "home"))
	rep, _ := drivertest.Apply(t, dst, memstate.Whole(product, artifact("../x"), artifact(".claude/projects/../../../x"), artifact(".bashrc"), artifact(".claude/settings.json"),
		artifact(".claude/.credentials.json"), artifact("/etc/x"), artifact(".claude/plans/../settings.json"), artifact(".claude/plans/ok.md")))
	if rep.Actions[replay.Refused] != 7 || len(files(t, dst.root)) != 1 {
		t.Errorf("%v %v", rep.Actions, files(t, dst.root))
	}
}

// Conversations of other runtimes become transcripts, and what is lost is said to the field.
func TestForeign(t *testing.T) {
	c := &pb.Conversation{Meta: agentstate.Meta("conversation", nil, "chat-1"), Title: "A chat", Status: "finished"}
	msg := func(id string, role pb.Role, parts ...*pb.Part) *pb.Message {
		m := &pb.Message{Meta: agentstate.Meta("message", nil, "chat-1", id), ConversationKey: c.Meta.Key, Role: role, Parts: parts}
		m.Meta.CreatedUnixNano = 1764000000123000000
		return m
	}
	txt := func(s string) *pb.Part { return &pb.Part{Body: &pb.Part_Text{Text: s}} }
	src := memstate.Whole("other", c, msg("1", pb.Role_ROLE_USER, txt("Hi <b>")),
		msg("2", pb.Role_ROLE_ASSISTANT, &pb.Part{Body: &pb.Part_Reasoning{Reasoning: &pb.Reasoning{Text: "hm"}}}, txt("Let me look."),
			&pb.Part{Body: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Id: "c1", Name: "weather", ArgumentsJson: []byte(`{"q":1}`)}}}),
		msg("3", pb.Role_ROLE_TOOL, &pb.Part{Body: &pb.Part_ToolResult{ToolResult: &pb.ToolResult{Id: "c1", Output: agentstate.Inline("text/plain", []byte("sunny"))}}}))
	dst := Open(filepath.Join(t.TempDir(), "home"))
	rep, j := drivertest.Apply(t, dst, src)
	lost := map[string][]string{}
	for _, l := range rep.Losses {
		if l.Grade.String() == "dropped" {
			lost[l.Key] = append(lost[l.Key], l.Path)
		}
	}
	if d := cmp.Diff(map[string][]string{"conversation/chat-1": {"status"}, "message/chat-1/2": {"parts.reasoning"}}, lost); d != "" {
		t.Error(d)
	}
	back, err := replay.ReadBack(t.Context(), src, dst, j)
	if err != nil || back.MissingN+back.ExtraN != 0 || back.Same+back.Announced != back.Records || back.Records != 4 {
		b, _ := json.Marshal(back)
		t.Errorf("%s %v", b, err)
	}
	for _, text := range files(t, dst.root) {
		var types []string
		for l := range strings.SplitSeq(strings.TrimSpace(text[1:]), "\n") {
			var r struct{ Type string }
			if err := json.Unmarshal([]byte(l), &r); err != nil {
				t.Fatal(err)
			}
			types = append(types, r.Type)
		}
		if d := cmp.Diff([]string{"custom-title", "user", "assistant", "assistant", "user"}, types); d != "" {
			t.Error(d)
		}
	}
	u, err := replay.Undo(t.Context(), dst, j)
	if err != nil || u.LeftN != 0 || len(files(t, dst.root)) != 0 {
		t.Errorf("%+v %v", u, err)
	}
}

// What is not read of the file that names MCP servers is said before an export.
func TestNeverRead(t *testing.T) {
	p, err := Open("testdata/home").Preflight(t.Context())
	if err != nil || !slices.ContainsFunc(p.Never, func(s string) bool { return strings.Contains(s, ".claude.json all but its MCP servers") }) {
		t.Errorf("%v %v", p, err)
	}
}
