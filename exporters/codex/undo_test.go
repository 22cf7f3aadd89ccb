package codex

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/callid/calltest"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/homefiles/hometest"
	"github.com/exitramp/exitramp/exporters/internal/sqlitefile/sqlitetest"
)

// TestGone: files, messages, rows and databases that were not there any more are counted as that.
func TestGone(t *testing.T) {
	mem, _ := drivertest.Export(t, fullHome(t))
	hometest.Gone(t, func(root string) replay.Target { return Open(root) }, mem, "AGENTS.md")
	for name, change := range map[string]func(root string){
		"a row": func(root string) {
			change(t, root, "goals_1.sqlite", "DELETE FROM thread_goals WHERE thread_id = '"+thread+"'")
		},
		"a database": func(root string) { os.Remove(filepath.Join(root, "goals_1.sqlite")) },
	} {
		dst := Open(filepath.Join(t.TempDir(), "home"))
		_, j := drivertest.Apply(t, dst, mem)
		want := uint64(1)
		if name == "a database" { // with its three rows
			want = 4
		}
		change(dst.root)
		if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.Gone != want || u.LeftN != 0 {
			t.Errorf("%s: %+v %v, want %d gone", name, u, err, want)
		}
	}
}

// TestKilled: what a replay that was killed has left goes with its undo, databases too.
func TestKilled(t *testing.T) {
	mem, _ := drivertest.Export(t, fullHome(t))
	root := filepath.Join(t.TempDir(), "home")
	drivertest.Killed(t, Open(root), root, mem)
}

// TestUndoUnderAReader: the first commit is refused where somebody reads the file.
func TestUndoUnderAReader(t *testing.T) {
	mem, _ := drivertest.Export(t, fullHome(t))
	dst := Open(filepath.Join(t.TempDir(), "home"))
	dst.wait = 50 * time.Millisecond
	sqlitetest.UnderAReader(t, dst, mem, filepath.Join(dst.root, "goals_1.sqlite"), true)
}

// TestUndoUntouched: an undo that took nothing out leaves the run open.
func TestUndoUntouched(t *testing.T) {
	root := filepath.Join(t.TempDir(), "home")
	drivertest.Unreadable(t, Open(root), calltest.Session("user call:a result:a user"), root)
}
