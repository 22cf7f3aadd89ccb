//go:build unix

package exporters_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/exporters"
)

// TestPlace: one store has many spellings; two stores are not one because their names are alike.
func TestPlace(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, d := range []string{"a", "b"} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "x y.sqlite"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	linked := os.Symlink("a", "link") == nil
	abs := filepath.ToSlash(dir)
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"s:a/x%20y.sqlite", "s:" + abs + "/a/x%20y.sqlite", true},
		{"s:a/x%20y.sqlite", "s://" + abs + "/b/../a/x%20y.sqlite", true},
		{"s:a/x%20y.sqlite", "s:link/x%20y.sqlite", linked},
		{"s:a/x%20y.sqlite", "s:b/x%20y.sqlite", false},
		{"s:a", "t:a", false},
		{"s:a?flavor=python", "s:a", true},
		{"s:a?config", "s:a", false},
		{"r+postgres://exit:p@localhost/d", "r+postgres://app@127.0.0.1:5432/d?sslmode=disable", true},
		{"r+postgres://exit@[::1]/d", "r+postgres://exit@LocalHost./d?search_path=public", true},
		{"r+postgres://exit@localhost/exit", "r+postgres://exit@localhost", true},
		{"r+postgres://localhost/d", "r+postgres:///d?host=localhost&port=5432", true},
		{"r+postgres://localhost/d", "r+postgres://localhost/d?search_path=s", false},
		{"r+postgres://localhost/d", "r+postgres://localhost/e", false},
		{"r+postgres://localhost/d", "r+postgres://localhost:5433/d", false},
		{"r+postgres://localhost/d", "r+postgres://db/d", false},
		{"r+postgres:///d?host=/run/a", "r+postgres:///d?host=%2Frun%2Fa%2F", true},
		// Two servers of one machine may have a port of the same number, each in its own folder.
		{"r+postgres:///d?host=/run/a", "r+postgres:///d?host=/run/b", false},
		{"r+postgres:///d?host=/run/a", "r+postgres://localhost/d", false},
		{"agentcore://eu-west-1", "agentcore://eu-west-1/m", false},
	} {
		a, ok := exporters.PlaceOf(c.a)
		b, ok2 := exporters.PlaceOf(c.b)
		if got := ok && ok2 && a.Same(b); got != c.want {
			t.Errorf("%s and %s: %v, %v: got %v", c.a, c.b, a, b, got)
		}
	}
}
