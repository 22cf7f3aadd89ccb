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
	hard := filepath.Join(dir, "hard.sqlite")
	if err := os.Link(real, hard); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a b.jsonl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", dir)
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
		{"langgraph+sqlite:" + real, "langgraph+sqlite:" + hard, true},
		{"langgraph+sqlite://" + real, "langgraph+sqlite:~/copy.sqlite", true},
		{"langgraph+sqlite:~/copy.sqlite", "langgraph+sqlite:" + link, true},
		{"langgraph+sqlite:~/other.sqlite", "langgraph+sqlite:~/copy.sqlite", false},
		{"mcpmemory:here/a%20b.jsonl", "mcpmemory://" + dir + "/a%20b.jsonl", true},
		{"mcpmemory:a%20b.jsonl", "mcpmemory:a b.jsonl", true},
		{"langgraph+postgres://db.Example.org/a", "langgraph+postgres://app@/a?host=db.example.org&port=5432", true},
		{"langgraph+postgres://db.example.org/a", "langgraph+postgres://app@/a?host=other.example.org", false},
		{"langgraph+postgres://app@/a?host=%2Frun%2Fpostgresql", "langgraph+postgres://localhost/a", true},
		{"langgraph+postgres://app@localhost", "langgraph+postgres://admin@localhost/app", true},
		{"langgraph+postgres://localhost/a", "langgraph+postgres://localhost?dbname=a", true},
		{"langgraph+postgres://localhost/a", "langgraph+postgres://localhost/a?search_path=public", true},
		{"langgraph+postgres://localhost/a?search_path=s", `langgraph+postgres://localhost/a?search_path="s",%20public`, true},
		{"langgraph+postgres://localhost/a?search_path=s,public", "langgraph+postgres://localhost/a?search_path=public,s", false},
		{"agentcore://eu-west-1", "agentcore://eu-west-1/m-1", true},
		{"agentcore://eu-west-1", "agentcore://eu-west-2/m-1", false},
		{"agentcore://eu-west-1/m-1", "agentcore://eu-west-1/m-2", false},
	} {
		if got := samePlace(c.was, c.now); got != c.want {
			t.Errorf("%s and %s: got %v", c.was, c.now, got)
		}
	}
}
