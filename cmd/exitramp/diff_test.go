package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDiffOfOtherKeys: what a replay wrote under keys of the target's own is missing and extra, and who reads that is told
// which command knows; of what is only more on one side nothing is said.
func TestDiffOfOtherKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	archive := func(name string, entities ...string) string {
		text := ""
		for _, e := range entities {
			text += `{"type":"entity","name":"` + e + `","entityType":"person","observations":[]}` + "\n"
		}
		file, out := filepath.Join(dir, name+".jsonl"), filepath.Join(dir, name+".ctxa")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		if code := newApp(&said, &said).run(t.Context(), []string{"export", "mcpmemory:" + file, out}); code != 0 {
			t.Fatalf("exit code %d: %s", code, &said)
		}
		return out
	}
	a, b, more := archive("a", "ann"), archive("b", "bo"), archive("more", "ann", "bo")
	for _, c := range []struct {
		want, got string
		hint      bool
	}{{a, b, true}, {a, more, false}, {more, a, false}} {
		var said bytes.Buffer
		code := newApp(&bytes.Buffer{}, &said).run(t.Context(), []string{"diff", c.want, c.got})
		if code != exitPartial || strings.Contains(said.String(), "exitramp readback A TARGET --journal") != c.hint {
			t.Errorf("diff %s %s: exit code %d, want a hint: %v: %s", c.want, c.got, code, c.hint, &said)
		}
	}
}
