//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// An undo finds its target by every name of it, and no other.
func TestSamePlace(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "copy.sqlite"), filepath.Join(dir, "link.sqlite")
	if err := os.WriteFile(real, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		was, now string
		want     bool
	}{
		{"mem0:x", "langgraph+sqlite:x", false},
		{"langgraph+sqlite:" + real, "langgraph+sqlite:" + link, true},
		{"langgraph+sqlite:copy.sqlite", "langgraph+sqlite:" + real, true},
		{"langgraph+sqlite:copy.sqlite", "langgraph+sqlite:other.sqlite", false},
		{"langgraph+sqlite:" + real, "langgraph+sqlite:" + real + "2", false},
		{"mem0:.", "mem0:" + dir, true},
		{"langgraph+postgres://app@127.0.0.1:5432/a?search_path=s", "langgraph+postgres://admin:x@localhost/a?sslmode=disable&search_path=s", true},
		{"langgraph+postgres://127.0.0.1/a", "langgraph+postgres://127.0.0.1/b", false},
		{"langgraph+postgres://127.0.0.1/a", "langgraph+postgres://127.0.0.1/a?search_path=s", false},
		{"langgraph+postgres://127.0.0.1:5433/a", "langgraph+postgres://127.0.0.1/a", false},
		{"agentcore://eu-west-1/m-1", "agentcore://eu-west-1/m-2", false},
	} {
		if got := samePlace(c.was, c.now); got != c.want {
			t.Errorf("%s and %s: got %v", c.was, c.now, got)
		}
	}
}
