package main

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every call of the command pays for what packages do before main: the project's own do next to
// nothing. The schema's descriptors are the exception, and so is this package, which has its tests in it.
func TestStartsLight(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "--version")
	cmd.Args[0] = "exitramp"
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	seen := 0
	for _, m := range regexp.MustCompile(`init github\.com/exitramp/exitramp/(\S+) .* (\d+) bytes`).FindAllStringSubmatch(string(out), -1) {
		seen++
		if n, err := strconv.Atoi(m[2]); err != nil || n > 4<<10 && !strings.HasPrefix(m[1], "proto/") && m[1] != "cmd/exitramp" {
			t.Errorf("%s takes %s bytes before main, at most 4096 (%v)", m[1], m[2], err)
		}
	}
	if seen < 5 {
		t.Errorf("%d packages in %s", seen, out)
	}
}
