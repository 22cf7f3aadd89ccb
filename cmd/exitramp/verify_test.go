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

// An archive of a later release is no broken one: the person is told what reads it.
func TestNewerArchive(t *testing.T) {
	vectors, err := formattest.FS()
	if err != nil {
		t.Fatal(err)
	}
	b, err := fs.ReadFile(vectors, "manifest-format.vector")
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "a.ctxa")
	_, b, _ = bytes.Cut(b, []byte("\n\n"))
	if err := os.WriteFile(archive, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := newApp(&out, &out).run(t.Context(), []string{"list", archive}); code != exitRefused || !strings.Contains(out.String(), `got "ctxa/2"`) || !strings.HasSuffix(out.String(), "\nhint: a newer exitramp reads it\n") {
		t.Errorf("exit code %d\n%s", code, &out)
	}
}
