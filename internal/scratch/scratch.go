// Package scratch makes temporary files and folders where the system has them, and tells their errors from those of
// files that people name.
package scratch

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrPlace: the place of temporary files takes none.
var ErrPlace = errors.New("no temporary file can be made")

// File makes a file in dir; empty: where the system has temporary ones.
func File(dir, pattern string) (*os.File, error) {
	f, err := os.CreateTemp(dir, pattern)
	return f, of(dir, err)
}

// Dir makes a folder where the system has temporary ones.
func Dir(pattern string) (string, error) {
	d, err := os.MkdirTemp("", pattern)
	return d, of("", err)
}

func of(dir string, err error) error {
	if err == nil || dir != "" || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) { // of too many open files no place is the cause
		return err
	}
	return fmt.Errorf("%w: %w", ErrPlace, err)
}
