package main

import (
	"os"
	"path/filepath"

	"github.com/exitramp/exitramp/internal/syncdir"
)

// writeFile writes beside path, syncs and renames. A device or pipe is written to as it is, and so is whatever
// is behind a descriptor of this process: there is nothing beside it, and a name in /dev is not ours to replace.
func writeFile(path string, b []byte, mode os.FileMode) error {
	if isDescriptor(path) {
		return writeDescriptor(path, b)
	}
	if fi, err := os.Stat(path); err == nil && !fi.Mode().IsRegular() {
		return os.WriteFile(path, b, mode)
	}
	return syncdir.WriteFile(path, b, mode)
}

// isDescriptor tells whether path names an open file of this process.
func isDescriptor(path string) bool {
	switch dir, name := filepath.Split(filepath.Clean(path)); dir {
	case "/dev/":
		return name == "stdin" || name == "stdout" || name == "stderr"
	case "/dev/fd/", "/proc/self/fd/":
		return true
	}
	return false
}

// writeDescriptor writes where the descriptor stands, or else at the end of what is behind it: that may be a
// log that others write, too.
func writeDescriptor(path string, b []byte) error {
	var f *os.File
	switch filepath.Base(path) {
	case "stdout", "1":
		f = os.Stdout
	case "stderr", "2":
		f = os.Stderr
	default:
		var err error
		if f, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err != nil {
			return err
		}
		defer f.Close()
	}
	_, err := f.Write(b)
	return err
}
