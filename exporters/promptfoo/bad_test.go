package promptfoo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// bomb is nine levels of ten aliases: a gigabyte of nothing.
func bomb() string {
	s := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := '1'; i <= '9'; i++ {
		p := string(i - 1)
		s += "a" + string(i) + ": &a" + string(i) + " [" + strings.Repeat("*a"+p+",", 9) + "*a" + p + "]\n"
	}
	return s + "prompts: [hi]\n"
}

func TestRefused(t *testing.T) {
	many := "prompts: ['{{a}}']\ntests: [{vars: {"
	for _, v := range "abcdef" {
		many += string(v) + ": [a,2,3,4,5,6,7,8,9,10], "
	}
	for name, c := range map[string]struct{ text, want string }{
		"empty":              {"", "empty"},
		"no YAML":            {"prompts: [\n", "not YAML, line"},
		"binary":             {"\x00\x01SQLite", "not YAML"},
		"a list":             {"- a\n", "no mapping"},
		"another document":   {"name: app\nversion: 1\n", "neither prompts nor tests"},
		"two documents":      {"prompts: [a]\n---\nprompts: [b]\n", "more than one"},
		"a name twice":       {"prompts: [a]\nprompts: [b]\n", "line 2: a name that stands twice"},
		"a name in a list":   {"? [a]\n: b\nprompts: [x]\n", "no text"},
		"deep":               {"prompts: [x]\nx: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n", "levels"},
		"aliases explode":    {bomb(), "values"},
		"an alias of itself": {"prompts: [x]\na: &a [*a]\n", ""},
		"a merge of a list":  {"prompts: [x]\na: {<<: [1]}\n", "merges what is no mapping"},
		"too many cases":     {many + "}}]\n", "more than 100000 cases"},
		"too long":           {"prompts: [x]\n#" + strings.Repeat("x", maxFile), "more than 16777216 bytes"},
	} {
		src := write(t, c.text)
		rep, err := agentstate.Copy(t.Context(), &memstate.State{}, src, nil)
		if !errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "SQLite") {
			t.Errorf("%s: %v", name, err)
		}
		if rep != nil && rep.Records["testsuite"] > 0 {
			t.Errorf("%s: records before the refusal", name)
		}
		if _, err := src.Preflight(t.Context()); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: preflight: %v", name, err)
		}
		mem, _ := export(t, Open(sample))
		if _, err := replay.Plan(t.Context(), src, mem, nil); !errors.Is(err, replay.ErrTarget) {
			t.Errorf("%s: a plan over it: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		path string
		want error
	}{"no file": {filepath.Join(t.TempDir(), "none"), fs.ErrNotExist}, "a folder": {t.TempDir(), ErrSchema}} {
		if _, err := agentstate.Copy(t.Context(), &memstate.State{}, Open(c.path), nil); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mem, _ := export(t, Open(sample))
	if _, err := replay.Plan(t.Context(), Open(filepath.Join(t.TempDir(), "no", "x.yaml")), mem, nil); !errors.Is(err, replay.ErrTarget) || !strings.Contains(err.Error(), "make it first") {
		t.Error(err)
	}
}

// A hostile archive cannot put what is no suite, or a second one, into the file.
func TestHostileNative(t *testing.T) {
	suite := func(key, content string) *pb.TestSuite {
		r := suiteRecord(&suite{}, []byte(content))
		r.Meta.Key = key
		return r
	}
	mem := memstate.Whole(product, suite("testsuite/a", "#!/bin/sh\n"), suite("testsuite/b", "a: b\n"), suite("testsuite/c", "prompts: [x]\n"), suite("testsuite/d", "prompts: [y]\n"))
	dst := Open(filepath.Join(t.TempDir(), "new.yaml"))
	rep, _ := apply(t, dst, mem)
	if b, err := os.ReadFile(dst.path); err != nil || string(b) != "prompts: [x]\n" || rep.Actions[replay.Refused] != 3 {
		t.Errorf("%v %q %v", err, b, rep.Refused)
	}
}

// Records of a stranger do not have promptfoo open a file or an address: a text that names one is
// text, and a schema that refers to one is left out.
func TestHostileForeign(t *testing.T) {
	in := func(s string) *pb.Data { return agentstate.Inline(harness.JSON, harness.Encode(s)) }
	schema := func(s string) *pb.Expectation { return harness.Expect(harness.JSONSchema, harness.Schema, []byte(s)) }
	text := harness.Expect(harness.Contains, harness.PlainText, []byte("file:///etc/passwd"))
	src := memstate.Whole("other",
		&pb.TestSuite{Meta: agentstate.Meta("testsuite", nil, "e")},
		&pb.TestCase{Meta: agentstate.Meta("testcase", nil, "e", "1"), SuiteKey: "testsuite/e", Input: in("file:///etc/passwd"), Expectations: []*pb.Expectation{text, schema(`{"anyOf":[{"$ref":"file:///etc/passwd"}]}`)}},
		&pb.TestCase{Meta: agentstate.Meta("testcase", nil, "e", "2"), SuiteKey: "testsuite/e", Input: in("x"), Expectations: []*pb.Expectation{schema(`{"$ref":"http://127.0.0.1/"}`)}},
	)
	dst := Open(filepath.Join(t.TempDir(), "new.yaml"))
	rep, _ := apply(t, dst, src)
	b, err := os.ReadFile(dst.path)
	if err != nil || rep.Actions[replay.Refused] != 1 || strings.Contains(string(b), "$ref") || strings.Count(string(b), `{{ "" }}file:///etc/passwd`) != 2 {
		t.Errorf("%v %v %s", err, rep.Refused, b)
	}
}

// FuzzRead: whatever the file holds, it is refused or goes back to the byte.
func FuzzRead(f *testing.F) {
	b, err := os.ReadFile(sample)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("prompts: ['{{a}}']\nscenarios: [{config: [{vars: {a: &x [1, 2]}}], tests: [{assert: [{type: is-json, value: '{}'}]}]}]\n"))
	f.Add([]byte(`{"prompts":[{"raw":"[{\"role\":\"user\"}]"}],"tests":[{"vars":{"a":null},"threshold":1,"assert":[{"$ref":"#/assertionTemplates/a"}]}]}`))
	f.Add([]byte("prompts: {a.txt: b}\ntests: [{vars: x, assert: x, options: x, prompts: x}]\ndefaultTest: {<<: {}}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		src := write(t, string(b))
		mem := &memstate.State{}
		if _, err := agentstate.Copy(t.Context(), mem, src, nil); errors.Is(err, ErrSchema) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		dst := Open(filepath.Join(t.TempDir(), "copy.yaml"))
		apply(t, dst, mem)
		if got, err := os.ReadFile(dst.path); err != nil || string(got) != string(b) {
			t.Fatalf("%v %q", err, got)
		}
	})
}

// FuzzEscape: whatever a text says, the template that is written for it gives it back, as a prompt and
// as a variable.
func FuzzEscape(f *testing.F) {
	for _, s := range []string{"{{x}}", "{% raw %}{{", "{{{#}}", "a\n\n", `{{ "{" }}`, `{{ "" }}`, "{", "file://x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := escape(s)
		if got, ok := render(e, nil); !ok || got != s {
			t.Errorf("%q as %q gives %q", s, e, got)
		}
		if got, ok := plainText(e); !ok || got != s || strings.HasPrefix(e, "file:") {
			t.Errorf("%q as %q in a variable gives %q", s, e, got)
		}
	})
}

// A file that a secret was taken out of is refused with why, where it cannot be read any more.
func TestRedacted(t *testing.T) {
	suite := &pb.TestSuite{Meta: &pb.Meta{Key: suiteKey}, Definition: agentstate.Inline(mediaYAML, []byte("prompts: [hello]\nenv: {KEY: ********}\n"))}
	suite.Meta.Native = []*pb.Native{{Type: "file", Body: &pb.Native_Row{Row: &pb.Row{Columns: []*pb.Column{{Name: "content", Value: &pb.Column_At{At: "#definition"}}}}}}}
	rep, _ := apply(t, Open(filepath.Join(t.TempDir(), "new.yaml")), memstate.Whole(product, suite))
	if len(rep.Refused) != 1 || !strings.Contains(rep.Refused[0].Why, "--secrets label") {
		t.Errorf("%+v", rep)
	}
}
