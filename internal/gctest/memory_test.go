//go:build linux

package gctest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/internal/gctest"
)

// Where the temporary folder is put into memory, nothing of it is left; one that somebody has named stays.
func TestInMemory(t *testing.T) {
	t.Setenv("EXITRAMP_LOAD", "")
	t.Setenv("TMPDIR", "")
	at := ""
	gctest.Main(tests(func() int { at = os.TempDir(); return 0 }))
	if !strings.HasPrefix(at, "/dev/shm/") {
		t.Skip("no room in memory")
	}
	if _, err := os.Stat(at); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", at, err)
	}
	named := t.TempDir()
	t.Setenv("TMPDIR", named)
	if gctest.Main(tests(func() int { at = os.TempDir(); return 0 })); at != named {
		t.Errorf("files are in %s, want %s", at, named)
	}
}
