//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package filelock

import (
	"errors"
	"os"
	"syscall"
)

// Works tells whether the system has such locks.
const Works = true

// Try holds f until Close or the end of the process. false: another run holds it. Where the file system has no such
// lock it does nothing, as where the system has none.
func Try(f *os.File) bool {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return err == nil || isWithout(err)
}

// isWithout tells whether err says that there is no such lock. NFS has none for what is open for reading alone, as a
// folder is: EBADF.
func isWithout(err error) bool {
	return errors.Is(err, syscall.EBADF) || errors.Is(err, syscall.ENOTSUP) || errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS)
}

func release(f *os.File) {
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) // closing ends it where this does not
}
