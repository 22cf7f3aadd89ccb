package mem0

import (
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// TestKilled: what a replay that was killed has left of the databases that it was making goes with its undo, and so does a list of
// collections on its way.
func TestKilled(t *testing.T) {
	for _, flavor := range []string{"js", "python"} {
		mem, _ := drivertest.Export(t, Open(filepath.Join("testdata", flavor)))
		root := filepath.Join(t.TempDir(), "new")
		drivertest.Killed(t, Open(root), root, mem)
		drivertest.OnItsWay(t, Open(root), mem, root)
	}
}
