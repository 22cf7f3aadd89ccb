package main

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestStatusDescriptor: a status goes to whatever is behind a descriptor: a file, the end of a log, a pipe. No
// name in /dev is replaced.
func TestStatusDescriptor(t *testing.T) {
	dir := t.TempDir()
	open := func(name, text string, flag int) *os.File {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY|flag, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	run := func(status string, third, stderr *os.File) {
		t.Helper()
		c := exec.Command("exitramp", "exit-codes", "--status", status)
		if c.Stderr = stderr; third != nil {
			c.ExtraFiles = []*os.File{third}
		}
		if err := c.Run(); err != nil {
			t.Errorf("--status %s: %v", status, err)
		}
	}
	told := func(what, text, before string) {
		t.Helper()
		rest, ok := strings.CutPrefix(text, before)
		var st struct {
			Command []string `json:"command"`
		}
		if err := json.Unmarshal([]byte(rest), &st); err != nil || !ok || len(st.Command) != 3 {
			t.Errorf("%s holds %q: %v", what, text, err)
		}
	}
	read := func(f *os.File) string {
		t.Helper()
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	none, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()

	file := open("file", "", 0)
	run("/dev/fd/3", file, none)
	told("a file", read(file), "")
	log := open("log", "first\n", os.O_APPEND)
	run("/proc/self/fd/3", log, none)
	told("a log", read(log), "first\n")
	out := open("stderr", "", 0)
	if _, err := out.WriteString("said before\n"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/dev/stderr", "/dev//fd/2"} {
		at, err := out.Seek(0, io.SeekCurrent)
		if err != nil {
			t.Fatal(err)
		}
		run(path, nil, out)
		told(path, read(out)[at:], "")
	}
	if fi, err := os.Lstat("/dev/stderr"); err != nil || fi.Mode().IsRegular() {
		t.Errorf("/dev/stderr is a file by now: %v", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	run("/dev/fd/3", w, none)
	w.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	told("a pipe", string(b), "")
	if found, _ := filepath.Glob("/dev/.*stderr*"); len(found) > 0 {
		t.Errorf("left in /dev: %q", found)
	}
	// A file that is none of these, and holds a status, is replaced as a whole, as before.
	run(filepath.Join(dir, "file"), nil, none)
	told("a plain file", read(file), "")
}
