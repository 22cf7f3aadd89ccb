package syncdir_test

import (
	"errors"
	"io/fs"
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
