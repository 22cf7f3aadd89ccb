package gctest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/exitramp/exitramp/internal/loadtest"
)

const (
	shared  = "/dev/shm"
	prefix  = "exitramp-test-"
	tmpfs   = 0x01021994
	noexec  = 8       // ST_NOEXEC: some tests start a copy of themselves
	roomFor = 2 << 30 // a test writes some hundred megabytes at most
)

// inMemory puts the temporary folder of the tests into memory, where there is room: what they write is gone a moment later,
// and a third of the time of stores that are made and thrown away goes to the disk otherwise. All that is synced still is,
// as before. TMPDIR is obeyed where it is set; fuzzers, whose processes are killed, and load tests stay on the disk.
func inMemory() (done func()) {
	none := func() {}
	fuzz := slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.fuzz") || strings.HasPrefix(a, "-test.bench=") })
	if os.Getenv("TMPDIR") != "" || fuzz || loadtest.Of(false, true) {
		return none
	}
	sweep() // also where there is no room: what is left may be why
	var st syscall.Statfs_t
	if syscall.Statfs(shared, &st) != nil || st.Type != tmpfs || st.Flags&noexec != 0 || st.Bavail*uint64(st.Bsize) < roomFor {
		return none
	}
	dir, err := os.MkdirTemp(shared, prefix)
	if err != nil {
		return none
	}
	ours, err := lock(dir, syscall.LOCK_EX)
	if err == nil {
		_, err = os.Stat(dir) // another one's sweep may have been there before the lock
	}
	if err != nil {
		_ = syscall.Close(ours)
		_ = os.RemoveAll(dir)
		return none
	}
	_ = os.Chmod(dir, 0o755) // some tests run as another user
	_ = os.Setenv("TMPDIR", dir)
	return func() {
		_ = os.Unsetenv("TMPDIR")
		_ = os.RemoveAll(dir)
		_ = syscall.Close(ours)
	}
}

// sweep removes what runs have left that a panic, the end of their time or Ctrl-C ended: nothing else frees that memory. One
// that is under way has its folder locked.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(shared, prefix+"*"))
	for _, dir := range left {
		if fd, err := lock(dir, syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			_ = os.RemoveAll(dir) // of another user it stays
			_ = syscall.Close(fd)
		}
	}
}

// lock locks a folder until the returned file is closed, which the end of the process does too. Children do not inherit it.
func lock(dir string, how int) (fd int, err error) {
	fd, err = syscall.Open(dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err = syscall.Flock(fd, how); err != nil {
		_ = syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}
