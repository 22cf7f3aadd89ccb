package main

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
)

// TestUndoStopped: an undo that was stopped says that it can be run again, and can; where it took nothing out, the replay can be, too.
func TestUndoStopped(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("s.sqlite"), supportStore, 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(ctx context.Context, want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if code := newApp(&out, &out).run(ctx, args); code != want {
			t.Fatalf("%v: exit code %d, want %d\n%s", args, code, want, &out)
		}
		return out.String()
	}
	target := "langgraph+sqlite:" + at("copy.sqlite")
	run(t.Context(), 0, "export", "langgraph+sqlite:"+at("s.sqlite"), at("x.ctxa"))
	run(t.Context(), 0, "replay", at("x.ctxa"), target, "--accept-unsigned", "--journal", at("j"))
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if out := run(stopped, exitResume, "undo", at("j"), target); !strings.Contains(out, "stopped") || !strings.Contains(out, "hint: run the same command again") {
		t.Error(out)
	}
	// It took nothing out, so that the replay could go on, and nothing may be gone by now.
	run(t.Context(), 0, "replay", at("x.ctxa"), target, "--accept-unsigned", "--journal", at("j"))
	if out := run(t.Context(), 0, "undo", at("j"), target, "--dry-run"); strings.Contains(out, "broken off") {
		t.Error(out)
	}
	if out := run(t.Context(), 0, "undo", at("j"), target, "--json"); !strings.Contains(out, `"undone_again": false`) || !strings.Contains(out, `"left": 0`) {
		t.Error(out)
	}
}

// TestUndoneAgain: behind an undo that was broken off, some may be gone already, and both say so.
func TestUndoneAgain(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		want := "an undo before was broken off"
		if asJSON {
			want = `"undone_again": true`
		}
		var out bytes.Buffer
		if err := newApp(&out, &out).printUndoPlan(&replay.UndoReport{Again: true}, asJSON); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s, %v", &out, err)
		}
	}
}

// typing is a command line, its exit code and what it says.
type typing struct {
	code int
	says string
	args []string
}

func typed(t *testing.T, lines []typing) {
	t.Helper()
	for _, c := range lines {
		var out bytes.Buffer
		if code := newApp(&out, &out).run(t.Context(), c.args); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("%v: exit code %d, want %d and %q\n%s", c.args, code, c.code, c.says, &out)
		}
	}
}

// relationAlone makes a file of MCP memory, graph, of which LangGraph takes nothing.
func relationAlone(t *testing.T) {
	t.Helper()
	if err := os.WriteFile("graph", []byte(`{"type":"relation","from":"a","to":"b","relationType":"knows"}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestNothingWritten: a replay that wrote nothing has made no target; it reads back as announced, and is undone. A
// target that is not there is none for what was written.
func TestNothingWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	relationAlone(t)
	if err := os.WriteFile("s.sqlite", supportStore, 0o644); err != nil {
		t.Fatal(err)
	}
	typed(t, []typing{
		{0, "", []string{"export", "mcpmemory:graph", "x.ctxa"}},
		{exitPartial, "nothing was written", []string{"replay", "x.ctxa", "langgraph+sqlite:none.sqlite", "--accept-unsigned"}},
		{0, "0 of 0 match", []string{"readback", "x.ctxa", "langgraph+sqlite:none.sqlite", "--accept-unsigned"}},
		{0, "removed 0", []string{"undo", "x.ctxa.journal", "langgraph+sqlite:none.sqlite"}},
		{0, "", []string{"export", "langgraph+sqlite:s.sqlite", "y.ctxa"}},
		{0, "", []string{"replay", "y.ctxa", "langgraph+sqlite:there.sqlite", "--accept-unsigned"}},
		{exitOther, "no file none.sqlite", []string{"readback", "y.ctxa", "langgraph+sqlite:none.sqlite", "--accept-unsigned"}},
	})
}

// TestNothingWrittenInto: a database of an application alone has no table of the runtime either.
func TestNothingWrittenInto(t *testing.T) {
	t.Chdir(t.TempDir())
	relationAlone(t)
	db, err := sql.Open("sqlite", "file:app.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TABLE customers (id)"); err != nil {
		t.Fatal(err)
	}
	typed(t, []typing{
		{0, "", []string{"export", "mcpmemory:graph", "x.ctxa"}},
		{exitPartial, "nothing was written", []string{"replay", "x.ctxa", "langgraph+sqlite:app.sqlite", "--accept-unsigned"}},
		{0, "0 of 0 match", []string{"readback", "x.ctxa", "langgraph+sqlite:app.sqlite", "--accept-unsigned"}},
		{0, "removed 0", []string{"undo", "x.ctxa.journal", "langgraph+sqlite:app.sqlite"}},
		{exitOther, "no LangGraph tables", []string{"export", "langgraph+sqlite:app.sqlite", "y.ctxa"}},
	})
}

// TestNothingInStore: a store that was set up and never used has rows of the library's setup alone, which another kind of database
// has of its own. That nothing is written is right.
func TestNothingInStore(t *testing.T) {
	rep := &replay.Report{Records: 5, Actions: map[replay.Action]uint64{replay.Skipped: 5}}
	if err := notWritten(rep, ""); err != nil {
		t.Error(err)
	}
	rep.NoPlace = map[string]map[string]uint64{"memory": {"no such thing": 1}}
	if err := notWritten(rep, ""); err == nil {
		t.Error("a record has no place, and the replay ends without an error")
	}
}
