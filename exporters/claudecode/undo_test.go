package claudecode

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/callid/calltest"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/exporters/internal/homefiles/hometest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestGone: files, messages and servers that were not there any more are counted as that.
func TestGone(t *testing.T) {
	mem, _ := drivertest.Export(t, Open("testdata/home"))
	hometest.Gone(t, func(root string) replay.Target { return Open(root) }, mem, ".claude/CLAUDE.md")
	s := &pb.ToolServer{Meta: agentstate.Meta("toolserver", agentstate.Document("mcpServers", "application/json", []byte(`{"command":"a"}`)), "", "x")}
	dst := home(t, map[string]string{"CLAUDE.md": "own"})
	_, j := drivertest.Apply(t, dst, memstate.Whole(product, s), s.Meta.Key)
	if err := os.WriteFile(filepath.Join(dst.root, ".claude.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if u, err := replay.Undo(t.Context(), dst, j); err != nil || u.Removed != 0 || u.Gone != 1 || u.LeftN != 0 {
		t.Errorf("%+v %v", u, err)
	}
}

// TestKilled: what a replay that was killed has left goes with its undo, beside the file of servers too.
func TestKilled(t *testing.T) {
	mem, _ := drivertest.Export(t, Open("testdata/home"))
	root := filepath.Join(t.TempDir(), "home")
	drivertest.Killed(t, Open(root), root, mem)
	drivertest.OnItsWay(t, Open(root), mem, root)
}

// TestUndoUntouched: an undo that took nothing out leaves the run open.
func TestUndoUntouched(t *testing.T) {
	root := filepath.Join(t.TempDir(), "home")
	drivertest.Unreadable(t, Open(root), calltest.Session("user call:a result:a user"), root)
}
