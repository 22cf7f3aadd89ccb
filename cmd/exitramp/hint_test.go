package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/diskmap"
	"github.com/exitramp/exitramp/internal/scratch"
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
	_, inFile := diskmap.New("")
	_, folder := scratch.Dir("exitramp-")
	for _, err := range []error{inFile, folder} {
		if got := hintFor(err); !strings.Contains(got, "TMPDIR") {
			t.Errorf("no folder for temporary files: %v: %q", err, got)
		}
	}
	if _, err := os.Open(filepath.Join(os.TempDir(), "exitramp-q4.ctxa")); strings.Contains(hintFor(err), "TMPDIR") {
		t.Errorf("a file that a person named: %v: %q", err, hintFor(err))
	}
}
