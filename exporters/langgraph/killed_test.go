package langgraph

import (
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// TestKilled: what a replay that was killed has left beside the database that it was making goes with its undo.
func TestKilled(t *testing.T) {
	mem, _ := drivertest.Export(t, SQLite("testdata/python.sqlite"))
	dir := t.TempDir()
	drivertest.Killed(t, SQLite(filepath.Join(dir, "new.sqlite")), dir, mem)
}
