//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package format

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// lockFile opens the file at path and puts a lock file beside it. A run that was killed leaves
// the lock file behind.
func lockFile(path string) (f *os.File, unlock func() error, err error) {
	lock := path + ".lock"
	l, err := os.OpenFile(lock, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, nil, fmt.Errorf("%w: %s is there: wait for that run to end; if none runs, remove the file", ErrLocked, lock)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("format: %w", err)
	}
	if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("format: %w", err), l.Close(), os.Remove(lock))
	}
	return f, func() error { return errors.Join(f.Close(), l.Close(), os.Remove(lock)) }, nil
}
