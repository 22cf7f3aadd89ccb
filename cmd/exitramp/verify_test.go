package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/format/formattest"
)

// What stands below a word of verify is of that word: references that lead nowhere are a matter of coverage, not of secrets.
func TestDanglingBelowCoverage(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "a.ctxa")
	var out bytes.Buffer
	for _, line := range [][]string{{"export", "mem0:../../exporters/mem0/testdata/js", archive}, {"verify", archive, "--integrity-only"}} {
		out.Reset()
		if code := newApp(&out, &out).run(t.Context(), line); code != exitDone {
			t.Fatalf("%q: exit code %d\n%s", line, code, &out)
		}
	}
	if !regexp.MustCompile(`\nCOVERAGE .*\n +[1-9][0-9]* references lead to records that are not here\nSECRETS .*\n$`).MatchString(out.String()) {
		t.Errorf("%s", &out)
	}
}

// vector is the archive of a test vector, as a file.
func vector(t *testing.T, name string) (path string) {
	t.Helper()
	vectors, err := formattest.FS()
	if err != nil {
		t.Fatal(err)
	}
	b, err := fs.ReadFile(vectors, name+".vector")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "a.ctxa")
	_, b, _ = bytes.Cut(b, []byte("\n\n"))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// An archive of a later release is no broken one: the person is told what reads it.
func TestNewerArchive(t *testing.T) {
	var out bytes.Buffer
	if code := newApp(&out, &out).run(t.Context(), []string{"list", vector(t, "manifest-format")}); code != exitRefused || !strings.Contains(out.String(), `got "ctxa/2"`) || !strings.HasSuffix(out.String(), "\nhint: a newer exitramp reads it\n") {
		t.Errorf("exit code %d\n%s", code, &out)
	}
}

// A passphrase that is not the one is refused, and is not shown. The one of the vector costs little; script encrypt reads an
// archive with one that costs what the command makes it cost.
func TestWrongPassphrase(t *testing.T) {
	archive := vector(t, "accept-passphrase")
	for given, want := range map[string]int{"correct horse battery staple": exitDone, "zq4-no-such-horse": exitRefused} {
		var out bytes.Buffer
		a := newApp(&out, &out)
		a.getenv = func(name string) string {
			if name == "EXITRAMP_PASSPHRASE" {
				return given
			}
			return ""
		}
		if code := a.run(t.Context(), []string{"list", archive, "-p"}); code != want || strings.Contains(out.String(), given) {
			t.Errorf("exit code %d, want %d\n%s", code, want, &out)
		}
	}
}
