// Package lazyfile is a file that comes into being with its first byte.
package lazyfile

import (
	"errors"
	"os"
)

// File is such a file, for its owner alone. It is for one goroutine.
type File struct {
	path string
	f    *os.File
	made bool
}

// New is a file at path. What is there is replaced by the first Write.
func New(path string) *File { return &File{path: path} }

// Write makes the file where it is not open.
func (l *File) Write(b []byte) (int, error) {
	if l.f == nil {
		f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return 0, err
		}
		l.f, l.made = f, true
	}
	return l.f.Write(b)
}

// Made tells whether something was written.
func (l *File) Made() bool { return l.made }

// Close syncs. Closed twice, it does nothing.
func (l *File) Close() error {
	if l.f == nil {
		return nil
	}
	err := errors.Join(l.f.Sync(), l.f.Close())
	l.f = nil
	return err
}
