//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package filelock

import (
	"syscall"
	"testing"
)

// A file system without such locks is not taken for another run that holds them.
func TestIsWithout(t *testing.T) {
	for err, want := range map[error]bool{syscall.EWOULDBLOCK: false, syscall.EINTR: false, syscall.ENOLCK: false, syscall.EBADF: true, syscall.ENOTSUP: true, syscall.ENOSYS: true, nil: false} {
		if got := isWithout(err); got != want {
			t.Errorf("%v: %t", err, got)
		}
	}
}
