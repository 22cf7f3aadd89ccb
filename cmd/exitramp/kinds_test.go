package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSomeKinds: what a replay of some kinds did not send is not missing, and a verb names itself and no undo of nothing.
func TestSomeKinds(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("s.sqlite"), supportStore, 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if code := newApp(&out, &out).run(t.Context(), args); code != want {
			t.Fatalf("%v: exit code %d, want %d\n%s", args, code, want, &out)
		}
		return out.String()
	}
	target := "langgraph+sqlite:" + at("copy.sqlite")
	run(0, "export", "langgraph+sqlite:"+at("s.sqlite"), at("x.ctxa"))
	if out := run(0, "replay", at("x.ctxa"), target, "--accept-unsigned", "--kinds", "memory", "--journal", at("j")); !strings.Contains(out, "undo: exitramp undo") {
		t.Error(out)
	}
	if out := run(0, "readback", at("x.ctxa"), target, "--accept-unsigned", "--journal", at("j")); !strings.Contains(out, "the kinds that the replay was given: memory") {
		t.Error(out)
	}
	if out := run(0, "replay", at("x.ctxa"), target, "--accept-unsigned", "--kinds", "memory", "--journal", at("k")); strings.Contains(out, "undo:") {
		t.Error(out)
	}
	run(0, "unpack", at("x.ctxa"), at("lines"))
	if out := run(0, "pack", at("lines"), at("y.ctxa"), "--progress", "json"); strings.Contains(out, `"export"`) || !strings.Contains(out, `"pack"`) {
		t.Error(out)
	}
}
