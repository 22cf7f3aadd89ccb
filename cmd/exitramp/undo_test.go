package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUndoStopped: an undo that was stopped says that it can be run again, and can.
func TestUndoStopped(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("s.sqlite"), supportStore, 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(ctx context.Context, want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if code := newApp(&out, &out).run(ctx, args); code != want {
			t.Fatalf("%v: exit code %d, want %d\n%s", args, code, want, &out)
		}
		return out.String()
	}
	target := "langgraph+sqlite:" + at("copy.sqlite")
	run(t.Context(), 0, "export", "langgraph+sqlite:"+at("s.sqlite"), at("x.ctxa"))
	run(t.Context(), 0, "replay", at("x.ctxa"), target, "--accept-unsigned", "--journal", at("j"))
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if out := run(stopped, exitResume, "undo", at("j"), target); !strings.Contains(out, "stopped") || !strings.Contains(out, "hint: run the same command again") {
		t.Error(out)
	}
	if out := run(t.Context(), 0, "undo", at("j"), target); !strings.Contains(out, "left 0") {
		t.Error(out)
	}
}
