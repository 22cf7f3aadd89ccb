package layertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	self       = "github.com/exitramp/exitramp"
	maxModules = 15 // of others and this one
)

// A program that imports the archive and the vocabulary links few modules.
func TestScratchModule(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := scratch(t, root, "package main\n\nimport (\n\t_ \""+self+"/context/agentstate\"\n\t_ \""+self+"/format\"\n)\n\nfunc main() {}\n")
	cmd := exec.Command("go", "list", "-mod=mod", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOPROXY=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	mods := strings.Fields(string(out))
	slices.Sort(mods)
	mods = slices.DeleteFunc(slices.Compact(mods), func(m string) bool { return m == "scratch" })
	t.Logf("%d modules: %s", len(mods), strings.Join(mods, " "))
	if len(mods) > maxModules || !slices.Contains(mods, self) {
		t.Errorf("%d modules, at most %d", len(mods), maxModules)
	}
}

// scratch is a module of its own with one program, which imports the one at root.
func scratch(t *testing.T, root, program string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod":  "module scratch\n\ngo 1.26.0\n\nrequire " + self + " v0.0.0\n\nreplace " + self + " => " + root + "\n",
		"go.sum":  string(sums),
		"main.go": program,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A program outside of this module gives the library its clock, and its logger and HTTP client where
// there is a use for them; the library takes none from the process.
func TestWorldFromOutside(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("testdata/outside.go.txt")
	if err != nil {
		t.Fatal(err)
	}
	dir := scratch(t, root, string(program))
	cmd := exec.Command("go", "run", "-mod=mod", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	if want := "created 2026-01-02T03:04:05Z, read from 2026-01-02T03:04:05Z to 2026-01-02T03:04:05Z, logged 0, asked 0\n"; err != nil || string(out) != want {
		t.Errorf("%v: %s, want %s", err, out, want)
	}
}
