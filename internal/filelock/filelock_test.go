package filelock_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

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

// A program that is being started has every file until it runs: what was closed meanwhile is free all the same.
func TestClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
				if err := exec.Command(os.Args[0], "-test.run=^$").Run(); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if !filelock.Try(f) {
			t.Error("it is held, and was closed")
			end = time.Now()
		}
		if err := filelock.Close(f); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
