package codex

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/interop/clihome"
)

// TestOlderRelease: the home of an older release, whose databases went through fewer migrations, arrives whole;
// that release goes on in the copy, and then the pinned one, which brings the databases up to its own.
func TestOlderRelease(t *testing.T) {
	m := newModel(t)
	older := filepath.Join(filepath.Dir(binary(t)), "..", "..", "..", "codex-older", "bin", "codex.js")
	dir := t.TempDir()
	home, work, copied, archive, journal := filepath.Join(dir, "home"), filepath.Join(dir, "work"), filepath.Join(dir, "copy"), filepath.Join(dir, "a.ctxa"), filepath.Join(dir, "j")
	if err := os.MkdirAll(work, 0o700); err != nil {
		t.Fatal(err)
	}
	config(t, m, home)
	execute(t, older, home, work, "please list files")
	if _, err := os.Stat(filepath.Join(home, "state_5.sqlite")); err != nil {
		t.Fatal("the older release made no database, which this test is for")
	}
	if out := clihome.Exitramp(t, 0, "export", "codex:"+home, archive); strings.Contains(out, "GAPS") || !strings.Contains(out, "conversation 1 RECONCILED") {
		t.Errorf("export: %s", out)
	}
	clihome.Exitramp(t, 0, "replay", archive, "codex:"+copied, "--accept-unsigned", "--journal", journal)
	if out := clihome.Exitramp(t, 0, "readback", archive, "codex:"+copied, "--accept-unsigned", "--journal", journal); !strings.Contains(out, "missing 0 · extra 0") {
		t.Errorf("readback: %s", out)
	}
	session := uuid.FindString(filepath.Base(rollouts(t, copied)[0]))
	if err := os.Rename(home, home+".gone"); err != nil {
		t.Fatal(err)
	}
	config(t, m, copied)
	execute(t, older, copied, work, "resume", session, "go on there")
	clihome.Says(t, m.last(), "list files", "hello-from-tool", "go on there")
	codex(t, copied, work, "resume", session, "and with the newer one")
	clihome.Says(t, m.last(), "list files", "hello-from-tool", "go on there", "and with the newer one")
}
