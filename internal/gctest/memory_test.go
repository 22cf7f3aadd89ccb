//go:build linux

package gctest_test

import (
	"os"
	"os/exec"
	"path/filepath"
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

// What a run has left that came to no end is removed by the next one; the folder of one that is under way is not.
func TestLeftInMemory(t *testing.T) {
	t.Setenv("EXITRAMP_LOAD", "")
	t.Setenv("TMPDIR", "")
	if os.Getenv("GCTEST_DIES") != "" {
		gctest.Main(tests(func() int {
			if err := os.WriteFile(filepath.Join(os.TempDir(), "left"), nil, 0o600); err != nil {
				t.Error(err)
			}
			os.Stdout.WriteString(os.TempDir() + "\n")
			os.Exit(3)
			return 0
		}))
	}
	gctest.Main(tests(func() int {
		own := os.TempDir()
		if !strings.HasPrefix(own, "/dev/shm/") {
			t.Skip("no room in memory")
		}
		os.Unsetenv("TMPDIR")
		c := exec.Command(os.Args[0], "-test.run=^TestLeftInMemory$")
		c.Env = append(os.Environ(), "GCTEST_DIES=1")
		out, _ := c.Output()
		left := strings.TrimSpace(string(out))
		if _, err := os.Stat(filepath.Join(left, "left")); err != nil || left == own {
			t.Errorf("the other run: %q, %v", out, err)
		}
		gctest.Main(tests(func() int { return 0 }))
		if _, err := os.Stat(left); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", left, err)
		}
		if _, err := os.Stat(own); err != nil {
			t.Error(err)
		}
		return 0
	}))
}
