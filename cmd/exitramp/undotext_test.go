package main

import (
	"strings"
	"testing"
)

// The command that takes a replay out again runs when it is pasted, and holds no secret: a URL with one is a variable in it.
func TestUndoText(t *testing.T) {
	const named = `undo: exitramp undo 'j 1' "$TARGET"`
	for target, want := range map[string]string{
		"mem0:store?flavor=js":                         `undo: exitramp undo 'j 1' 'mem0:store?flavor=js'`,
		"mcpmemory:copy.jsonl":                         `undo: exitramp undo 'j 1' mcpmemory:copy.jsonl`,
		"langgraph+postgres://u:hunter2@h/db":          named,
		"langgraph+postgres://u@h/db?sslkey=hunter2":   named,
		"langgraph+postgres://u@h/db?a=hunter2&port=1": named,
		"langgraph+postgres:u:hunter2@h/db":            named,
		"langgraph+postgres://u@h/db#hunter2":          named,
		"langgraph+postgres://u:hunter2%zz@h/db":       named,
	} {
		command, rest, more := strings.Cut(undoText("j 1", target), "\n")
		if command != want || more != (want == named) || strings.Contains(rest, "hunter2") || more && !strings.Contains(rest, "langgraph+postgres:") {
			t.Errorf("%s: %s\n%s", target, command, rest)
		}
	}
}
