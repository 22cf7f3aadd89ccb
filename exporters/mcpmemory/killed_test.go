package mcpmemory

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/homefiles"
)

// TestKilled: a new file that a commit which was killed had on its way goes with the undo of its run, and no other's does.
func TestKilled(t *testing.T) {
	mem, _ := drivertest.Export(t, Open("testdata/memory.jsonl"))
	dir := t.TempDir()
	dst := Open(filepath.Join(dir, "new.jsonl"))
	_, j := drivertest.Apply(t, dst, mem)
	var names []string
	for _, run := range []string{j.Run(), "another"} {
		f, err := homefiles.Temp(dir, run)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		names = append(names, filepath.Base(f.Name()))
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN > 0 {
		t.Fatalf("%+v %v", u, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != names[1] {
		t.Errorf("%v %v, want %s alone", left, err, names[1])
	}
}
