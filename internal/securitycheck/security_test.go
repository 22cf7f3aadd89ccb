package securitycheck

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/format/formattest"
)

const root = "../.."

// Every row of the table of threats names at least one proof, and each proof that it names is a
// test, a vector or a file that exists.
func TestSecurityTable(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	vs, err := formattest.All()
	if err != nil {
		t.Fatal(err)
	}
	vectors := map[string]bool{}
	for _, v := range vs {
		vectors[v.Name] = true
	}
	var (
		code = regexp.MustCompile("`([^`]+)`")
		test = regexp.MustCompile(`^([a-z0-9/]+)\.((?:Test|Fuzz)[A-Za-z0-9]+)$`)
	)
	rows, proofs, named := 0, 0, packages{}
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 || strings.HasPrefix(cells[0], "-") || strings.HasPrefix(cells[0], " threat") {
			continue
		}
		rows++
		names := code.FindAllStringSubmatch(cells[2], -1)
		if len(names) == 0 {
			t.Errorf("%s: nothing shows it", strings.TrimSpace(cells[0]))
		}
		for _, n := range names {
			proofs++
			name := n[1]
			switch m := test.FindStringSubmatch(name); {
			case m != nil:
				if !named.tests(t, m[1])[m[2]] {
					t.Errorf("%s: no test %s in %s", strings.TrimSpace(cells[0]), m[2], m[1])
				}
			case strings.Contains(name, "/"):
				if _, err := os.Stat(filepath.Join(root, name)); err != nil {
					t.Errorf("%s: %v", strings.TrimSpace(cells[0]), err)
				}
			case !vectors[name]:
				t.Errorf("%s: no vector %s", strings.TrimSpace(cells[0]), name)
			}
		}
	}
	if rows < 20 || proofs < 50 {
		t.Errorf("%d rows, %d proofs: the table is not read", rows, proofs)
	}
}

// packages are those that a table names, by folder: the tests and fuzzers of each.
type packages map[string]map[string]bool

func (p packages) tests(t *testing.T, dir string) map[string]bool {
	t.Helper()
	if known, ok := p[dir]; ok {
		return known
	}
	files, err := filepath.Glob(filepath.Join(root, dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, f := range files {
		file, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				out[fn.Name.Name] = true
			}
		}
	}
	p[dir] = out
	return out
}
