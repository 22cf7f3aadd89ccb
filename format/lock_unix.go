//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package format

import (
	"errors"
	"fmt"
	"os"

	"github.com/exitramp/exitramp/internal/filelock"
)

// lockFile opens the file at path and locks it, until unlock or the end of the process.
func lockFile(path string) (f *os.File, unlock func() error, err error) {
	for range 10 {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("format: %w", err)
		}
		if !filelock.Try(f) {
			f.Close()
			return nil, nil, locked(path)
		}
		// Who had it before may have removed it: then this is not the file at path any more.
		a, errA := f.Stat()
		b, errB := os.Lstat(path)
		if errA == nil && errB == nil && os.SameFile(a, b) {
			return f, func() error { return filelock.Close(f) }, nil
		}
		if err := errors.Join(errA, filelock.Close(f)); err != nil {
			return nil, nil, fmt.Errorf("format: %w", err)
		}
	}
	return nil, nil, locked(path)
}

func locked(path string) error {
	return fmt.Errorf("%w: %s is locked: wait for that run to end, or stop it", ErrLocked, path)
}
