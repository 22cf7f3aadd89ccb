package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/diskmap"
)

// TestHints: what a person does about an error that a script of commands cannot bring about.
func TestHints(t *testing.T) {
	readOnly := fmt.Errorf("replay: journal: %w", &fs.PathError{Op: "open", Path: "ro/a.ctxa.journal", Err: syscall.EROFS})
	if got := hintFor(readOnly); !strings.Contains(got, "--journal FILE") {
		t.Errorf("a file system that is read-only: %q", got)
	}
	if got := goOn(fmt.Errorf("%w: a.ctxa came", format.ErrExists)); !strings.HasPrefix(got, "move that one away") {
		t.Errorf("an archive that came meanwhile: %q", got)
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	_, err := diskmap.New("")
	if got := hintFor(err); !strings.Contains(got, "TMPDIR") {
		t.Errorf("no folder for temporary files: %v: %q", err, got)
	}
}
