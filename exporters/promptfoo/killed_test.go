package promptfoo

import (
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// TestKilled: a new file that a commit which was killed had on its way goes with the undo of its run.
func TestKilled(t *testing.T) {
	mem, _ := drivertest.Export(t, Open("testdata/promptfooconfig.yaml"))
	dir := t.TempDir()
	drivertest.OnItsWay(t, Open(filepath.Join(dir, "new.yaml")), mem, dir)
}
