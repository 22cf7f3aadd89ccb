package keyfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
