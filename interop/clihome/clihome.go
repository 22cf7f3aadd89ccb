// Package clihome is what the tests of command lines that keep their state in a home folder share.
package clihome

import (
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Exitramp runs exitramp, which must end with the exit code want, and gives all that it says.
func Exitramp(t *testing.T, want int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv("EXITRAMP_BIN"), args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
		t.Fatalf("exitramp %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Output is what exitramp writes to its standard output alone.
func Output(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), os.Getenv("EXITRAMP_BIN"), args...).Output()
	if err != nil {
		t.Fatalf("exitramp %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

// Put writes a file, with the folders that it is in.
func Put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Says fails unless a request that was sent holds all of what, in order.
func Says(t *testing.T, sent string, what ...string) {
	t.Helper()
	at := 0
	for _, w := range what {
		i := strings.Index(sent[at:], w)
		if i < 0 {
			t.Errorf("the model was not sent %q in its place", w)
			continue
		}
		at += i
	}
}

// Tree are the files below root, with their bytes.
func Tree(t *testing.T, root string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		b, err := os.ReadFile(p)
		out[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Powers are the keys of an archive that wait for a person, one a line, as a file of approvals has them.
func Powers(t *testing.T, archive string) string {
	t.Helper()
	keys := map[string]bool{}
	for _, kind := range []string{"policy", "agent", "skill"} {
		for _, k := range regexp.MustCompile(`"key": ?"(`+kind+`/[^"]*)"`).FindAllStringSubmatch(Output(t, "cat", archive, kind), -1) {
			keys[k[1]] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(keys)), "\n") + "\n"
}
