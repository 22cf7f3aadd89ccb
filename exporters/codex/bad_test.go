//go:build unix

package codex

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
)

const (
	own   = "01a20b77-0000-7000-8000-000000000009"
	at    = "sessions/2026/11/24/rollout-2026-11-24T00-00-00-" + own + ".jsonl"
	meta  = `{"timestamp":"2026-11-24T00:00:00Z","type":"session_meta","payload":{"id":"` + own + `"}}` + "\n"
	item  = `{"type":"response_item","payload":{"type":"message","role":"user","content":"hi"}}` + "\n"
	inner = "sessions/2026/11/24/rollout-2026-11-24T02-51-41-" + thread + ".jsonl" // of testdata
)

// homeOf is what a home of the driver consists of.
func homeOf() hometest.Home {
	return hometest.Home{
		Errors: "codex", Open: func(root string) hometest.Source { return opened(root) },
		Session: at, Line: item, Settings: "config.toml", Texts: [2]string{"a = 1", "a = 'another'"}, Note: "AGENTS.md",
	}
}

// TestBad spoils a home in one way each. What is missing is named, and nothing else is lost: every
// other file arrives, to the byte.
func TestBad(t *testing.T) {
	put, link := hometest.Put, hometest.Link
	text, err := os.ReadFile(filepath.Join("testdata/home", inner))
	if err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "SKILL.md"), []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	how := hometest.Spoiled{
		Approve: []string{"policy/config.toml", "skill/skills%2Fshop%2FSKILL.md", "skill/prompts%2Fplan.md"},
		Of:      func(conversation string) bool { return strings.Contains(conversation, own) }, Files: files,
		Differ: func(_ string, want, got map[string]string) {
			for _, rel := range []string{"config.toml", "hooks.json", "x.config.toml"} { // without their secrets, TestExact; or a gap
				delete(want, rel)
				delete(got, rel)
			}
			delete(want, "sessions/2026/rollout-\xff.jsonl")
		},
	}
	homeOf().Spoiled(t, how, map[string]hometest.Spoil{
		"truncated":                {put(inner, string(text[:len(text)-50])), []string{"message " + inner + " line 35 changed"}, -1},
		"head cut off":             {put(inner, string(text[strings.IndexByte(string(text), '\n')+1:])), []string{"conversation " + inner + " session_meta corrupt"}, -1},
		"half a last line":         {put(at, meta+`{"type":"resp`), []string{"message " + at + " line 2 changed"}, 0},
		"wrong JSON in the middle": {put(at, meta+item+`{"type":"response_item",}`+"\n"+item), []string{"message " + at + " line 3 corrupt"}, 2},
		"text":                     {put(at, "hello\n"), []string{"message " + at + " line 1 corrupt"}, 0},
		"bytes":                    {put(at, "\x00\xff\n"+item), []string{"message " + at + " line 1 corrupt"}, 1},
		"empty":                    {put(at, ""), []string{"conversation " + at + " corrupt"}, 0},
		"blank lines":              {put(at, "\n\r\n"+meta+item+"\n"), nil, 1},
		"nothing but blank lines":  {put(at, "\n\n"), []string{"conversation " + at + " session_meta corrupt"}, 0},
		"odd JSON":                 {put(at, meta+"[]\n7\n{\"type\":\"response_item\",\"payload\":7}\n{\"type\":\"response_item\"}\n{\"type\":[]}\n{\"type\":\"session_meta\",\"payload\":[]}\n"), nil, 2},
		"foreign lines":            {put(at, `{"role":"user","content":"of another program"}`+"\n"), []string{"conversation " + at + " session_meta corrupt"}, 0},
		"surrogates, NUL":          {put(at, meta+`{"type":"response_item","payload":{"type":"message","id":"\udc00\u0000","role":"user","content":"\ud83d \u0000"}}`+"\n"), nil, 1},
		"bytes that are no text":   {put(at, meta+`{"type":"response_item","payload":{"type":"message","role":"user","content":"`+"\xff\xfe"+`"}}`+"\n"), nil, 1},
		"deep JSON":                {put(at, meta+item+strings.Repeat("[", 1<<20)+"\n"), []string{"message " + at + " line 3 corrupt"}, 1},
		"ids twice":                {put(at, meta+strings.Repeat(`{"type":"response_item","payload":{"type":"message","id":"m","role":"user","content":[]}}`+"\n", 3)), nil, 3},
		"no parent":                {put(at, strings.Replace(meta, `{"id"`, `{"forked_from_id":"01a20b77-0000-7000-8000-00000000000f","forked_from_ordinal_exclusive":9,"id"`, 1)), []string{"conversation " + at + " forked_from_id 01a20b77-0000-7000-8000-00000000000f gone"}, 0},
		"no parent, all its turns": {put(at, strings.Replace(meta, `{"id"`, `{"forked_from_id":"01a20b77-0000-7000-8000-00000000000f","id"`, 1)), nil, 0},
		"no base":                  {put(at, strings.Replace(meta, `{"id"`, `{"history_base":{"thread_id":"01a20b77-0000-7000-8000-00000000000f","end_byte_offset":7},"id"`, 1)), []string{"conversation " + at + " history_base 01a20b77-0000-7000-8000-00000000000f gone"}, 0},
		"a base cut short":         {put(at, strings.Replace(meta, `{"id"`, `{"forked_from_id":"`+thread+`","history_base":{"thread_id":"`+thread+`","end_byte_offset":1000000},"id"`, 1)), []string{"conversation " + at + " history_base " + thread + " corrupt"}, 11},
		"packed":                   {put(at+".zst", pack(meta+item+item)), nil, 2},
		"packed, cut short":        {put(at+".zst", pack(meta + strings.Repeat(item, 1000))[:40]), []string{"message " + at + ".zst line 1 corrupt"}, 0},
		"packed, not at all":       {put(at+".zst", meta+item), []string{"message " + at + ".zst line 1 corrupt"}, 0},
		"its own parent":           {put(at, strings.Replace(meta, `{"id"`, `{"forked_from_id":"`+own+`","id"`, 1)), nil, 0},
		"another name":             {put("sessions/2026/notes.txt", "x"), []string{"artifact sessions"}, -1},
		"broken settings":          {put("config.toml", "a = \"canary"), []string{"policy config.toml corrupt"}, -1},
		"large settings":           {put("config.toml", "a = \""+strings.Repeat("x", 1<<20)+"\""), []string{"policy config.toml limit"}, -1},
		"broken hooks":             {put("hooks.json", "{"), []string{"policy hooks.json corrupt"}, -1},
		"a profile":                {put("x.config.toml", "\x00"), []string{"policy x.config.toml corrupt"}, -1},
		"link out of it":           {link(filepath.Join(outside, "SKILL.md"), "skills/x/SKILL.md"), []string{"skill skills/x/SKILL.md forbidden"}, -1},
		"link to a folder":         {link(outside, "skills/x"), []string{"skill skills/x forbidden"}, -1},
		"link to sessions":         {link(outside, "sessions/2025"), []string{"conversation sessions/2025 forbidden"}, -1},
		"link to a database":       {link(filepath.Join(outside, "SKILL.md"), "goals_1.sqlite"), []string{"state goals_1.sqlite forbidden"}, -1},
		"loop":                     {link("..", "sessions/2026/loop"), []string{"conversation sessions/2026/loop forbidden"}, -1},
		"link to itself":           {link("x.md", "prompts/x.md"), []string{"skill prompts/x.md forbidden"}, -1},
		"link of the machine":      {link(outside, "log"), nil, -1},
		"a name of no text":        {put("sessions/2026/rollout-\xff.jsonl", meta), []string{"conversation sessions/2026/rollout-\ufffd.jsonl limit"}, -1},
		"not known":                {put("novel/state.json", "{}"), []string{"artifact novel"}, -1},
		"a pipe": {func(t testing.TB, root string) {
			if err := syscall.Mkfifo(filepath.Join(root, "prompts/x.md"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, nil, -1},
		"a folder of a database's name": {put("goals_1.sqlite/x", "y"), []string{"artifact goals_1.sqlite"}, -1},
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
	for name, root := range map[string]string{"no folder": filepath.Join(t.TempDir(), "none"), "an empty folder": t.TempDir(), "a file": file, "another folder": "schema", "its secrets": home(t, map[string]string{"auth.json": "{}"}).root} {
		_, err := readAll(t.Context(), Open(root))
		if !errors.Is(err, ErrSchema) || strings.Contains(err.Error(), "codex: codex: ") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Open(root).Preflight(t.Context()); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: preflight: %v", name, err)
		}
	}
	abs, err := filepath.Abs("testdata/home") // a home that is kept elsewhere
	root := filepath.Join(t.TempDir(), "link")
	if err := errors.Join(err, os.Symlink(abs, root)); err != nil {
		t.Fatal(err)
	}
	if rep, err := readAll(t.Context(), Open(root)); err != nil || rep.Records["conversation"] != 2 || len(rep.Gaps) > 0 {
		t.Errorf("a linked home: %v %v %v", rep.Records, rep.Gaps, err)
	}
}

// TestUnreadable: what the observer may not read is a gap that says which permission is missing.
func TestUnreadable(t *testing.T) {
	if os.Getuid() == 0 {
		drivertest.AsNobody(t, "^"+t.Name()+"$")
		return
	}
	src := home(t, map[string]string{"AGENTS.md": "x", "config.toml": "", "prompts/a.md": "x", at: meta, "sessions/2026/rollout-b.jsonl": meta, "sessions/2025/rollout-c.jsonl": meta, "goals_1.sqlite": "x"})
	for _, rel := range []string{"config.toml", "prompts/a.md", "sessions/2026/rollout-b.jsonl", "sessions/2025", "goals_1.sqlite"} {
		if err := os.Chmod(filepath.Join(src.root, rel), 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(src.root, "sessions/2025"), 0o700) })
	_, rep := drivertest.Export(t, src)
	if d := cmp.Diff([]string{"conversation sessions/2025 forbidden", "conversation sessions/2026/rollout-b.jsonl forbidden", "policy config.toml forbidden", "skill prompts/a.md forbidden", "state goals_1.sqlite forbidden"}, drivertest.Gaps(rep)); d != "" {
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

// TestLongLine: a line of 100 MB costs no memory of its size, and what stands around it is read.
func TestLongLine(t *testing.T) {
	homeOf().LongLine(t, hometest.Long{Before: meta + item, Head: `{"type":"response_item","payload":{"type":"message","role":"user","content":"`, Tail: `"}}` + "\n", After: item,
		Gap: "message " + at + " line 3 limit"})
}

// FuzzRollout: whatever a rollout holds, it is carried whole and read without a panic, and every record
// can be written.
func FuzzRollout(f *testing.F) {
	homeOf().Fuzz(f, func(rel string) bool { return kindOf(rel) == "conversation" })
}
