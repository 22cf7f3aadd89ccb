package langgraph

import "testing"

// TestBranches: a thread of JavaScript from SQLite goes on from the end of each branch as it did there, in PostgreSQL too, where the library keeps one value for a
// channel and version, and counts alike on both.
func TestBranches(t *testing.T) {
	s := produce(t, javascript(t), "branches", "sqlite")
	for _, to := range []string{"sqlite", "pg"} {
		t.Run(to, func(t *testing.T) { s.there(t, to) })
	}
}
