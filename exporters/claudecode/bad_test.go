//go:build unix

package claudecode

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/homefiles/hometest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const (
	user     = `{"type":"user","uuid":"u1","parentUuid":null,"message":{"role":"user","content":"hi"}}` + "\n"
	sample   = ".claude/projects/-home-dev-shop/0b5c7a52-6d0e-4d7e-9b57-0a4b8f0f1c11.jsonl" // of testdata
	inFolder = ".claude/projects/p/a.jsonl"
)

// homeOf is what a home of the driver consists of.
func homeOf() hometest.Home {
	return hometest.Home{
		Errors: "claudecode", Open: func(root string) hometest.Source { return Open(root) },
		Session: inFolder, Line: user, Settings: ".claude/settings.json", Texts: [2]string{`{"a":1}`, `{"a":"another"}`}, Note: ".claude/CLAUDE.md",
	}
}

// TestBad spoils a home in one way each. What is missing is named, and nothing else is lost: every
// other file arrives, to the byte.
func TestBad(t *testing.T) {
	put, link := hometest.Put, hometest.Link
	block := func(id, parent, text string) string {
		return `{"type":"assistant","uuid":"` + id + `","parentUuid":"` + parent + `","message":{"id":"msg_1","role":"assistant","content":[{"type":"text","text":"` + text + `"}]}}` + "\n"
	}
	text, err := os.ReadFile(filepath.Join("testdata/home", sample))
	if err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "SKILL.md"), []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	how := hometest.Spoiled{
		Approve: []string{"policy/settings.json", "agent/agents%2Freviewer.md", "skill/skills%2Frelease%2FSKILL.md", "skill/commands%2Fplan.md"},
		Of:      func(conversation string) bool { return conversation == "conversation/p/a" }, Files: files,
		Differ: func(_ string, want, got map[string]string) {
			delete(want, ".claude/settings.local.json")
			delete(want, ".claude/projects/p/\xff.jsonl")
			want[".claude/settings.json"] = got[".claude/settings.json"] // secrets: TestExact
		},
	}
	homeOf().Spoiled(t, how, map[string]hometest.Spoil{
		"truncated": {put(sample, string(text[:len(text)-150])), []string{"message " + sample + " line 13 changed"}, -1},
		"head cut off": {put(sample, string(text[strings.Index(string(text), `{"parentUuid":"`):])),
			[]string{"message " + sample + " line 1 gone", "message " + sample + " line 3 gone"}, -1},
		"half a last line":         {put(inFolder, user+`{"type":"assi`), []string{"message " + inFolder + " line 2 changed"}, 1},
		"wrong JSON in the middle": {put(inFolder, user+"{\"type\":\"user\",,}\n"+strings.ReplaceAll(user, "u1", "u2")), []string{"message " + inFolder + " line 2 corrupt"}, 2},
		"a broken line within an answer": {put(inFolder, user+block("a1", "u1", "one")+"{\"type\":,\n"+block("a2", "a1", "two")),
			[]string{"message " + inFolder + " line 3 corrupt"}, 2},
		"text":                   {put(inFolder, "hello\n"+user), []string{"message " + inFolder + " line 1 corrupt"}, 1},
		"bytes":                  {put(inFolder, "\x00\x00\xff\n"+user), []string{"message " + inFolder + " line 1 corrupt"}, 1},
		"empty":                  {put(inFolder, ""), []string{"conversation " + inFolder + " corrupt"}, 0},
		"blank lines":            {put(inFolder, "\n\n"+user+"\r\n"), nil, 1},
		"odd JSON":               {put(inFolder, "[]\n7\nnull\n{\"type\":5}\n{\"type\":\"user\",\"uuid\":\"x\",\"message\":7}\n{\"type\":\"user\",\"uuid\":[],\"message\":{}}\n"+user), nil, 2},
		"foreign lines":          {put(inFolder, `{"role":"user","content":"of another program"}`+"\n"), nil, 0},
		"surrogates, NUL":        {put(inFolder, `{"type":"user","uuid":"\ud800","message":{"role":"user","content":"\ud83d \u0000"}}`+"\n"), nil, 1},
		"bytes that are no text": {put(inFolder, `{"type":"user","uuid":"x","message":{"role":"user","content":"`+"\xff\xfe"+`"}}`+"\n"), nil, 1},
		"parents in a ring": {put(inFolder, `{"type":"user","uuid":"a","parentUuid":"b","message":{"content":"x"}}`+"\n"+`{"type":"user","uuid":"b","parentUuid":"a","message":{"content":"x"}}`+"\n"+
			strings.ReplaceAll(user, "u1", "c")+strings.ReplaceAll(user, "u1", "c")), []string{"message " + inFolder + " line 1 corrupt"}, 3},
		"parent not there":      {put(inFolder, user+`{"type":"user","uuid":"u2","parentUuid":"gone","isSidechain":true,"message":{"content":"x"}}`+"\n"), []string{"message " + inFolder + " line 2 gone"}, 2},
		"session not there":     {put(".claude/projects/p/gone/subagents/agent-a.jsonl", user), []string{"conversation .claude/projects/p/gone.jsonl of agent-a.jsonl gone"}, -1},
		"deep JSON":             {put(inFolder, user+strings.Repeat("[", 1<<20)+"\n"), []string{"message " + inFolder + " line 2 corrupt"}, 1},
		"broken settings":       {put(".claude/settings.local.json", `{"env":{"A":"canary"`), []string{"policy .claude/settings.local.json corrupt"}, -1},
		"no settings":           {put(".claude/settings.local.json", ""), []string{"policy .claude/settings.local.json corrupt"}, -1},
		"large settings":        {put(".claude/settings.local.json", `{"a":"`+strings.Repeat("x", 1<<20)+`"}`), []string{"policy .claude/settings.local.json limit"}, -1},
		"broken servers":        {put(".claude.json", "{"), []string{"toolserver .claude.json corrupt"}, -1},
		"servers that are none": {put(".claude.json", `{"mcpServers":{"a":7,"b":"x","c":[]},"projects":[]}`), []string{"toolserver .claude.json corrupt"}, -1},
		"link out of it":        {link(filepath.Join(outside, "SKILL.md"), ".claude/skills/x/SKILL.md"), []string{"skill .claude/skills/x/SKILL.md forbidden"}, -1},
		"link to a folder":      {link(outside, ".claude/skills/x"), []string{"skill .claude/skills/x forbidden"}, -1},
		"link to sessions":      {link(outside, ".claude/projects/p"), []string{"conversation .claude/projects/p forbidden"}, -1},
		"loop":                  {link("..", ".claude/projects/p/loop"), []string{"conversation .claude/projects/p/loop forbidden"}, -1},
		"link to itself":        {link("x.md", ".claude/agents/x.md"), []string{"agent .claude/agents/x.md forbidden"}, -1},
		"link of the machine":   {link(outside, ".claude/shell-snapshots"), nil, -1},
		"a name of no text":     {put(".claude/projects/p/\xff.jsonl", user), []string{"conversation .claude/projects/p/\ufffd.jsonl limit"}, -1},
		"a pipe": {func(t testing.TB, root string) {
			if err := syscall.Mkfifo(filepath.Join(root, ".claude/agents/x.md"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, nil, -1},
		"a folder of a file's name": {put(".claude/settings.local.json/x", "y"), []string{"artifact .claude/settings.local.json"}, -1},
	})
}

func readAll(ctx context.Context, h *Home) (rep *agentstate.Report, err error) {
	return agentstate.Copy(ctx, &memstate.State{}, h, nil)
}

// TestNoHome: what is no home is an error that says what is wanted.
func TestNoHome(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ root, says string }{
		"no folder":   {filepath.Join(t.TempDir(), "none"), "name the home itself"},
		"no .claude":  {t.TempDir(), "name the home itself"},
		"a file":      {file, "is a file; name the home itself"},
		"its .claude": {filepath.Join("testdata/home/.claude"), "name the home itself"},
	} {
		_, err := readAll(t.Context(), Open(c.root))
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Count(err.Error(), "claudecode: ") != 1 {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Open(c.root).Preflight(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: preflight: %v", name, err)
		}
	}
	if rep, err := readAll(t.Context(), home(t, nil)); err == nil {
		t.Errorf("no home at all: %v", rep.Verdict)
	}
	// A home in which nobody has worked yet, and one whose .claude is kept elsewhere.
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, ".claude"), 0o700); err != nil {
		t.Fatal(err)
	}
	if rep, err := readAll(t.Context(), Open(root)); err != nil || rep.Verdict.Coverage != agentstate.Reconciled {
		t.Errorf("an empty home: %v %v", rep.Verdict, err)
	}
	abs, err := filepath.Abs("testdata/home/.claude")
	root = t.TempDir()
	if err := errors.Join(err, os.Symlink(abs, filepath.Join(root, ".claude"))); err != nil {
		t.Fatal(err)
	}
	if rep, err := readAll(t.Context(), Open(root)); err != nil || rep.Records["conversation"] != 4 || len(rep.Gaps) > 0 {
		t.Errorf("a linked .claude: %v %v %v", rep.Records, rep.Gaps, err)
	}
}

// TestUnreadable: what the observer may not read is a gap that says which permission is missing.
func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		drivertest.AsNobody(t, "^"+t.Name()+"$")
		return
	}
	src := home(t, map[string]string{"CLAUDE.md": "x", "settings.json": "{}", "agents/a.md": "x", "projects/p/a.jsonl": user, "projects/p/b.jsonl": user, "projects/q/c.jsonl": user})
	closed := []string{"settings.json", "agents/a.md", "projects/p/b.jsonl", "projects/q"}
	for _, rel := range closed {
		if err := os.Chmod(filepath.Join(src.root, ".claude", rel), 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(src.root, ".claude/projects/q"), 0o700) })
	_, rep := drivertest.Export(t, src)
	if d := cmp.Diff([]string{"agent .claude/agents/a.md forbidden", "conversation .claude/projects/p/b.jsonl forbidden", "conversation .claude/projects/q forbidden", "policy .claude/settings.json forbidden"}, drivertest.Gaps(rep)); d != "" {
		t.Error(d)
	}
	if rep.Verdict.Coverage != agentstate.Gaps || rep.Records["memory"] != 1 || rep.Records["conversation"] != 1 || rep.Gaps[0].Permission == "" {
		t.Errorf("%v %v %v", rep.Verdict, rep.Records, rep.Gaps)
	}
}

// TestChanging: a session that goes on is carried as it was; a file that is replaced is read as it is
// now, or the reading ends and says so.
func TestChanging(t *testing.T) {
	homeOf().Changing(t)
}

// TestSharedFolder: /a/b-c and /a-b/c keep their sessions in one folder; each says which is its own.
func TestSharedFolder(t *testing.T) {
	line := func(cwd string) string { return strings.Replace(user, "{", `{"cwd":"`+cwd+`",`, 1) }
	if projectOf("/a/b-c") != projectOf("/a-b/c") {
		t.Fatal("they have two folders")
	}
	src := home(t, map[string]string{"projects/-a-b-c/1.jsonl": line("/a/b-c"), "projects/-a-b-c/2.jsonl": line("/a-b/c"), "projects/-a-b-c/memory/MEMORY.md": "of both"})
	mem, rep := drivertest.Export(t, src)
	got := map[string]string{}
	for r := range mem.Records(t.Context(), nil) {
		if c, ok := r.(*pb.Conversation); ok {
			for _, l := range c.Meta.Labels {
				if l.Name == "cwd" {
					got[c.Meta.Key] = l.Value
				}
			}
		}
	}
	if d := cmp.Diff(map[string]string{"conversation/-a-b-c/1": "/a/b-c", "conversation/-a-b-c/2": "/a-b/c"}, got); d != "" || rep.Records["message"] != 2 {
		t.Error(d, rep.Records)
	}
	dst := Open(filepath.Join(t.TempDir(), "home"))
	drivertest.Apply(t, dst, mem)
	if d := cmp.Diff(files(t, src.root), files(t, dst.root)); d != "" {
		t.Error(d)
	}
}

// TestLongLine: a line of 100 MB costs no memory of its size, and what stands around it is read.
func TestLongLine(t *testing.T) {
	homeOf().LongLine(t, hometest.Long{Before: user, Head: `{"type":"user","uuid":"u2","parentUuid":"u1","message":{"role":"user","content":"`, Tail: `"}}` + "\n",
		After: strings.ReplaceAll(user, "u1", "u3"), Gap: "message " + inFolder + " line 2 limit"})
}

// FuzzTranscript: whatever a transcript holds, it is carried whole and read without a panic, and every
// record can be written.
func FuzzTranscript(f *testing.F) {
	homeOf().Fuzz(f, func(rel string) bool { return kindOf(rel) == "conversation" })
}
