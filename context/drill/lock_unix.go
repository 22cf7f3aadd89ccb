//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package drill

import (
	"fmt"
	"os"
	"syscall"
)

// lock holds f until it is closed, so that two drills do not do one thing; held is the error where
// another does.
func lock(f *os.File, held error) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%w: %s", held, f.Name())
	}
	return nil
}
