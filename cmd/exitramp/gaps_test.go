package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Thousands of gaps do not hide what else is said: a person is told the first of them, and where all are.
func TestManyGaps(t *testing.T) {
	t.Chdir(t.TempDir())
	const gaps = fewGaps + 5
	if err := os.Mkdir("pickles", 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range gaps {
		if err := os.WriteFile(filepath.Join("pickles", fmt.Sprintf("%d.bin", i)), []byte("x\x80\x04"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		line string
		code int
		word string
		said int
		more string
	}{
		{"preflight weights:pickles", exitPartial, "can't read ", fewGaps, "\n  and 5 more gaps: exitramp preflight SOURCE --json has all of them\n"},
		{"export weights:pickles a.ctxa", exitPartial, "! gap ", fewGaps, "! more gaps follow: exitramp list ARCHIVE gap has all of them\n"},
		{"export weights:pickles b.ctxa --progress=json", exitPartial, `"note":"gap `, gaps, "(25 named)"},
		{"inspect a.ctxa", exitDone, "gap  ", fewGaps, "\n  and 5 more gaps: exitramp list ARCHIVE gap has all of them\n"},
		{"list a.ctxa gap", exitDone, "gap/", gaps, ""},
	} {
		var out bytes.Buffer
		if code := newApp(&out, &out).run(t.Context(), strings.Fields(c.line)); code != c.code {
			t.Errorf("%s: exit code %d, want %d", c.line, code, c.code)
		}
		if got := strings.Count(out.String(), c.word); got != c.said || !strings.Contains(out.String(), c.more) {
			t.Errorf("%s: %d times %q, want %d, and %q:\n%s", c.line, got, c.word, c.said, c.more, &out)
		}
	}
}
