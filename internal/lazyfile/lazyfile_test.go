package lazyfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f := New(path)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || f.Made() {
		t.Errorf("nothing was written, and there is a file: %v", err)
	}
	for _, s := range []string{"a", "b"} {
		if _, err := f.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); string(b) != "ab" || err != nil || !f.Made() {
		t.Errorf("%q, %v, made %t", b, err, f.Made())
	}
	if _, err := New(filepath.Join(path, "below")).Write([]byte("a")); err == nil {
		t.Error("a file below a file")
	}
}
