package keyfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/internal/keyfile"
)

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte("# those of Ann\r\nprincipal/ann\r\n\n  memory/a#b  \n \nconversation/c"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := keyfile.Read(path)
	if d := cmp.Diff([]string{"principal/ann", "memory/a#b", "conversation/c"}, got); d != "" || err != nil {
		t.Error(d, err)
	}
	if _, err := keyfile.Read(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// An empty file is no list of nothing where keys must not be forgotten, and a comment alone is one.
func TestEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	for text, bad := range map[string]bool{"": true, " \r\n\n": true, "# nobody this quarter\n": false} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := keyfile.ReadKept(path); errors.Is(err, keyfile.ErrNoKey) != bad || len(got) > 0 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if got, err := keyfile.Read(path); err != nil || len(got) > 0 { // who approves nothing lets nothing through
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// What is no list of keys is refused by its line, and none of its text is shown.
func TestNoKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	for _, text := range []string{"name: q4", "memory", "SQLite format 3\x00", "- {key: memory/a}", "memory/a  likes tea", "aprovals:\n- {key: memory/a}"} {
		if err := os.WriteFile(path, []byte("# a list\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := keyfile.Read(path)
		if !errors.Is(err, keyfile.ErrNoKey) || !strings.Contains(err.Error(), "line 2") || strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
