package unpack

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

// A full disk is said once, and every file is closed.
func TestFullOnce(t *testing.T) {
	fs := &files{open: map[string]*file{}}
	for _, kind := range []string{"memory", "message", "policy"} {
		f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Skip(err)
		}
		w := bufio.NewWriter(f)
		w.WriteString(kind)
		fs.open[kind] = &file{w, f}
	}
	open := fs.open
	err := fs.close()
	if !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	for kind, f := range open {
		if err := f.f.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v, want it closed already", kind, err)
		}
	}
}
