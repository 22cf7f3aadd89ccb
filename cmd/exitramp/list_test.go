package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestListLines: who reads JSON line by line reads an object in each, an error too. What was listed is printed
// before an error, and no error is printed as one of its records.
func TestListLines(t *testing.T) {
	dir := t.TempDir()
	store, archive := filepath.Join(dir, "support.sqlite"), filepath.Join(dir, "a.ctxa")
	if err := os.WriteFile(store, supportStore, 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := newApp(&out, &out).run(t.Context(), []string{"export", "langgraph+sqlite:" + store, archive}); code != 0 {
		t.Fatalf("exit code %d\n%s", code, &out)
	}
	none := filepath.Join(dir, "none")
	for name, tc := range map[string]struct {
		args            []string
		code            int
		records, errors int
	}{
		"all":                {[]string{"list", archive, "memory", "--json"}, 0, 12, 0},
		"no kind, behind":    {[]string{"list", archive, "memory", "nosuch", "--json"}, exitUsage, 12, 0},
		"no kind":            {[]string{"list", archive, "nosuch", "--json"}, exitUsage, 0, 1},
		"no archive":         {[]string{"list", none, "--json"}, exitUsage, 0, 1},
		"no option":          {[]string{"list", archive, "--json", "--nosuch"}, exitUsage, 0, 1},
		"cat, no kind":       {[]string{"cat", archive, "memory", "nosuch"}, exitUsage, 12, 0},
		"cat, no archive":    {[]string{"cat", none}, exitUsage, 0, 0},
		"cat has no --json":  {[]string{"cat", none, "--json"}, exitUsage, 0, 0},
		"for people, behind": {[]string{"list", archive, "memory", "nosuch"}, exitUsage, -1, 0},
	} {
		out.Reset()
		var said bytes.Buffer
		if code := newApp(&out, &said).run(t.Context(), tc.args); code != tc.code || (code == 0) != (said.Len() == 0) {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, tc.code, &said)
		}
		if tc.records < 0 {
			if n := strings.Count(out.String(), "memory/"); n != 12 {
				t.Errorf("%s: %d memories:\n%s", name, n, &out)
			}
			continue
		}
		records, errs := 0, 0
		for line := range strings.Lines(out.String()) {
			var got struct{ Kind, Error string }
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Errorf("%s: %q: %v", name, line, err)
			}
			if got.Error != "" {
				errs++
			} else if got.Kind == "memory" {
				records++
			}
		}
		if records != tc.records || errs != tc.errors {
			t.Errorf("%s: %d records and %d errors, want %d and %d:\n%s", name, records, errs, tc.records, tc.errors, &out)
		}
	}
}
