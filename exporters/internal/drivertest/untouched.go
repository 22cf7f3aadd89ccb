package drivertest

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// Unreadable undoes a run of src, which made all files below root, while none of them can be read: nothing is taken out,
// and the run can go on.
func Unreadable(t *testing.T, dst replay.Target, src agentstate.Source, root string) {
	t.Helper()
	_, j := Apply(t, dst, src)
	for path := range files(t, root) {
		if err := errors.Join(os.Rename(path, path+".away"), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := replay.Undo(t.Context(), dst, j); !errors.Is(err, replay.ErrUntouched) {
		t.Errorf("undo: %v, want nothing taken out", err)
	}
	for path := range files(t, root) {
		whole, ok := strings.CutSuffix(path, ".away")
		if !ok { // the folder in its place
			continue
		}
		if err := errors.Join(os.Remove(whole), os.Rename(path, whole)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := replay.Apply(t.Context(), dst, src, &replay.Options{Journal: j}); err != nil {
		t.Errorf("the run goes on: %v", err)
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.LeftN+u.Gone > 0 || len(files(t, root)) > 0 {
		t.Errorf("undo: %v %+v", err, u)
	}
}
