package openaiagents

import (
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// TestKilled: what a replay that was killed has left is no state, and goes with its undo: databases and documents.
func TestKilled(t *testing.T) {
	mem, _ := drivertest.Export(t, Open("testdata/sdk"))
	root := filepath.Join(t.TempDir(), "new")
	drivertest.Killed(t, Open(root), root, mem)
}
