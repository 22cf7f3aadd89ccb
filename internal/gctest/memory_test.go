//go:build linux

package gctest_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
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

// What a run has left that was killed is removed by the next one; the folder of one that is under way is not.
func TestLeftInMemory(t *testing.T) {
	t.Setenv("EXITRAMP_LOAD", "")
	t.Setenv("TMPDIR", "")
	if os.Getenv("GCTEST_WAITS") != "" {
		gctest.Main(tests(func() int {
			os.Stdout.WriteString(os.TempDir() + "\n")
			io.Copy(io.Discard, os.Stdin)
			return 0
		}))
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^TestLeftInMemory$")
	c.Env = append(os.Environ(), "GCTEST_WAITS=1")
	in, err := c.StdinPipe() // which ends with this test
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := c.StdoutPipe()
	if err = errors.Join(err, c.Start()); err != nil {
		t.Fatal(err)
	}
	dir, _ := bufio.NewReader(out).ReadString('\n')
	dir = strings.TrimSpace(dir)
	gctest.Main(tests(func() int { return 0 }))
	_, during := os.Stat(dir)
	c.Process.Kill()
	c.Wait()
	if !strings.HasPrefix(dir, "/dev/shm/") {
		t.Skip("no room in memory")
	}
	gctest.Main(tests(func() int { return 0 }))
	if _, after := os.Stat(dir); during != nil || !os.IsNotExist(after) {
		t.Errorf("%s: under way: %v; killed: %v", dir, during, after)
	}
}
