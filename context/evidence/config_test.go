package evidence

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfig: anybody gets the digest with sha256sum, and another plan has another one.
func TestConfig(t *testing.T) {
	if _, err := exec.LookPath("sha256sum"); err != nil {
		t.Skip("no sha256sum, which is the second opinion")
	}
	dir := t.TempDir()
	for _, name := range []string{"controls.json", "gates.json", "statements.json"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "plan"), []byte("name: q\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said := func(command string) string {
		c := exec.Command("sh", "-c", command)
		c.Dir = dir
		out, err := c.Output()
		if err != nil {
			t.Fatal(err)
		}
		sum, _, _ := strings.Cut(string(out), " ")
		return sum
	}
	plan, want := said("sha256sum plan"), said("sha256sum controls.json gates.json plan statements.json | sha256sum")
	if got := Config(Digest{SHA256: plan}); got.SHA256 != want {
		t.Errorf("%s, want %s", got.SHA256, want)
	}
	if Config(Digest{SHA256: want}).SHA256 == want {
		t.Error("another plan has the same digest")
	}
}
