package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"testing"
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
