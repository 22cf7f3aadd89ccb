package openaiagents

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestApprovals: calls of every kind of tool wait, with every answer that a person can give. The archive
// says of each what the library makes of it: a call that waits is not answered, and one that was is not
// asked again.
func TestApprovals(t *testing.T) {
	for name, c := range map[string]struct {
		run   func(t *testing.T, command, dir string) (string, int)
		tools []string
	}{
		"Python": {func(t *testing.T, command, dir string) (string, int) {
			return run(t, "python", python(t), "approvals.py", command, dir)
		}, []string{"function", "namespaced", "shell", "patch", "custom", "hosted"}},
		"JavaScript": {func(t *testing.T, command, dir string) (string, int) {
			return run(t, js(t), "node", "approvals.mjs", command, dir)
		}, []string{"function", "namespaced", "shell", "patch", "hosted"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, archive := t.TempDir(), filepath.Join(t.TempDir(), "a.ctxa")
			if out, code := c.run(t, "make", dir); code != 0 {
				t.Fatal(out)
			}
			copied := carry(t, dir)
			if out, code := c.run(t, "judge", copied); code != 0 {
				t.Error(out)
			}
			exitramp(t, "export", "openaiagents:"+dir, archive)
			got := map[string]string{}
			for _, l := range strings.Split(strings.TrimSpace(exitramp(t, "list", archive, "interrupt", "--json")), "\n") {
				var r struct{ Key, Title string }
				if err := json.Unmarshal([]byte(l), &r); err != nil {
					t.Fatal(err)
				}
				file, _, _ := strings.Cut(strings.TrimPrefix(r.Key, "interrupt/"), "/")
				if file == "twins.json" {
					file = r.Key
				}
				got[file], _, _ = strings.Cut(r.Title, " ")
			}
			for _, tool := range c.tools {
				for _, how := range []string{"open", "once", "always", "no", "never"} {
					file, want := fmt.Sprintf("%s.%s.json", tool, how), "answered"
					if how == "open" {
						want = "open"
					}
					if got[file] != want {
						t.Errorf("%s: got %q, want %q", file, got[file], want)
					}
				}
			}
			if a, b := got["interrupt/twins.json/call_same"], got["interrupt/twins.json/%231"]; name == "JavaScript" && (a != "answered" || b != "open") {
				t.Errorf("two calls of one id: got %s, %s, want answered, open", a, b)
			}
			// A judge that takes what waits for answered is no judge.
			open, err := os.ReadFile(filepath.Join(copied, "shell.open.json"))
			if err == nil {
				err = os.WriteFile(filepath.Join(copied, "shell.once.json"), bytes.Clone(open), 0o600)
			}
			if out, code := c.run(t, "judge", copied); err != nil || code == 0 || !strings.Contains(out, "DIFF") {
				t.Errorf("an answer is lost, and the judge says %s (%v)", out, err)
			}
		})
	}
}
