package filelock_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/internal/filelock"
)

func TestDir(t *testing.T) {
	if !filelock.Works {
		t.Log("the system has no such locks")
		return
	}
	path := filepath.Join(t.TempDir(), "a")
	if _, ok, err := filelock.Dir(path); ok || err == nil {
		t.Error("there is no folder", ok, err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	unlock, ok, err := filelock.Dir(path)
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	if _, ok, err := filelock.Dir(path); ok || err != nil {
		t.Error("held twice", ok, err)
	}
	unlock()
	if unlock, ok, err = filelock.Dir(path); !ok || err != nil {
		t.Fatal("not to be had again", ok, err)
	}
	unlock()
}
