package gctest

import (
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/exitramp/exitramp/internal/loadtest"
)

const (
	shared  = "/dev/shm"
	tmpfs   = 0x01021994
	noexec  = 8       // ST_NOEXEC: some tests start a copy of themselves
	roomFor = 2 << 30 // a test writes some hundred megabytes at most
)

// inMemory puts the temporary folder of the tests into memory, where there is room: what they write is gone a moment later,
// and a third of the time of stores that are made and thrown away goes to the disk otherwise. All that is synced still is,
// as before. TMPDIR is obeyed where it is set; fuzzers, whose processes are killed, and load tests stay on the disk.
func inMemory() (done func()) {
	var st syscall.Statfs_t
	fuzz := slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.fuzz") || strings.HasPrefix(a, "-test.bench=") })
	if os.Getenv("TMPDIR") != "" || fuzz || loadtest.Of(false, true) || syscall.Statfs(shared, &st) != nil || st.Type != tmpfs || st.Flags&noexec != 0 ||
		st.Bavail*uint64(st.Bsize) < roomFor {
		return func() {}
	}
	dir, err := os.MkdirTemp(shared, "exitramp-test-")
	if err != nil {
		return func() {}
	}
	_ = os.Chmod(dir, 0o755) // some tests run as another user
	_ = os.Setenv("TMPDIR", dir)
	return func() {
		_ = os.Unsetenv("TMPDIR")
		_ = os.RemoveAll(dir)
	}
}
