package syncdir_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/internal/syncdir"
)

func TestSync(t *testing.T) {
	dir := t.TempDir()
	if err := syncdir.Sync(dir); err != nil {
		t.Error(err)
	}
	if err := syncdir.Sync(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, want := range []string{"one", "two"} {
		if err := syncdir.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != want {
			t.Errorf("%q, %v; want %q", b, err, want)
		}
	}
	if err := syncdir.WriteFile(dir, []byte("x"), 0o600); err == nil {
		t.Error("a folder was replaced")
	}
	if es, err := os.ReadDir(dir); err != nil || len(es) != 1 {
		t.Error("something was left beside it", es, err)
	}
}
