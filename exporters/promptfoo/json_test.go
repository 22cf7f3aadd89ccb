package promptfoo

import (
	"strings"
	"testing"
)

// A suite, and a conversation in a prompt, in JSON: with tabs, with pairs of escapes for one character, with half of such a
// pair, and with what only looks like them. Lines of errors are those of the file.
func TestJSON(t *testing.T) {
	src := write(t, "{\n\t\"prompts\": [\"Say {{x}} \\ud83d\\ude00 a\\/b\\t\", \"[\\n\\t{\\\"role\\\": \\\"user\\\", \\\"content\\\": \\\"\\\\ud83d\\\\ude00 {{x}}\\\"}]\"],\n\t\"tests\": [{\"vars\": {\"x\": \"\\\\ud83d \\ud83d.\"}}]\n}")
	all := strings.Join(lines(t, src), "\n")
	for _, want := range []string{`Say \\ud83d \ufffd. 😀 a/b\t`, `[{"content":"😀 \\ud83d \ufffd.","role":"user"}]`} {
		if !strings.Contains(strings.ReplaceAll(all, "\ufffd", `\ufffd`), want) {
			t.Errorf("no %s in\n%s", want, all)
		}
	}
	if _, err := parse([]byte("{\"a\": 1,\n\t\"a\": 2}")); err == nil || err.Error() != "line 2: a name that stands twice" {
		t.Error(err)
	}
}
