package securitycheck

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every row of the table of faults names tests and scripts that exist, or says that it is not tested.
func TestFaultTable(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "docs/faults.md"))
	if err != nil {
		t.Fatal(err)
	}
	var (
		code = regexp.MustCompile("`([^`]+)`")
		name = regexp.MustCompile(`^([a-z0-9/]+)\.(Test[A-Za-z0-9]+)(?:/(.+))?$`)
	)
	rows, proofs, named := 0, 0, packages{}
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 || strings.HasPrefix(cells[0], "-") || strings.HasPrefix(cells[0], " fault") {
			continue
		}
		rows++
		fault := strings.TrimSpace(cells[0])
		found := code.FindAllStringSubmatch(cells[2], -1)
		if len(found) == 0 && !strings.Contains(cells[1], "not tested") {
			t.Errorf("%s: nothing shows it, and it does not say so", fault)
		}
		for _, f := range found {
			proofs++
			m := name.FindStringSubmatch(f[1])
			switch {
			case m == nil:
				if _, err := os.Stat(filepath.Join(root, f[1])); err != nil {
					t.Errorf("%s: %v", fault, err)
				}
			case !named.tests(t, m[1])[m[2]]:
				t.Errorf("%s: no test %s in %s", fault, m[2], m[1])
			case m[3] != "" && !mentions(t, m[1], `"`+m[3]):
				t.Errorf("%s: no subtest %q in %s", fault, m[3], m[1])
			}
		}
	}
	if rows < 20 || proofs < 50 {
		t.Errorf("%d rows, %d proofs: the table is not read", rows, proofs)
	}
}

// mentions tells whether a test of the package in dir has text in it.
func mentions(t *testing.T, dir, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), text) {
			return true
		}
	}
	return false
}
