package syncdir_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// Where another has the name, both files stay as they are.
func TestPlace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, text := range []string{"one", "two"} {
		tmp := filepath.Join(dir, text)
		if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := syncdir.Place(tmp, path)
		_, left := os.Lstat(tmp)
		if text == "one" && (err != nil || !errors.Is(left, fs.ErrNotExist)) || text == "two" && (!errors.Is(err, fs.ErrExist) || left != nil) {
			t.Errorf("%s: %v, beside it: %v", text, err, left)
		}
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "one" {
		t.Errorf("%q, %v; want %q", b, err, "one")
	}
	if err := syncdir.Place(filepath.Join(dir, "none"), filepath.Join(dir, "b")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestWriteFileNames: what cannot be written is said by the name that was asked for.
func TestWriteFileNames(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "none", "x.json"), folder} {
		err := syncdir.WriteFile(path, nil, 0o600)
		if e := (*fs.PathError)(nil); !errors.As(err, &e) || e.Path != path || strings.Contains(err.Error(), "."+filepath.Base(path)+".") {
			t.Errorf("got %v, want one about %s", err, path)
		}
		if missing := path != folder; errors.Is(err, fs.ErrNotExist) != missing {
			t.Errorf("%s: %v", path, err)
		}
	}
}
