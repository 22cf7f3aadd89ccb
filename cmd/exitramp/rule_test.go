package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/format"
)

// TestRule: where a trigger of the target takes the run back at a record, the plan names it, and a person is told what to do, without the
// trigger's words: they may quote the record. Then the same command goes on.
func TestRule(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	run := func(want int, args ...string) string {
		t.Helper()
		var out bytes.Buffer
		if code := newApp(&out, &out).run(t.Context(), args); code != want {
			t.Fatalf("%v: exit code %d, want %d\n%s", args, code, want, &out)
		}
		return out.String()
	}
	for _, name := range []string{"s.sqlite", "copy.sqlite"} {
		if err := os.WriteFile(at(name), supportStore, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	do := func(q string) {
		t.Helper()
		db, err := sql.Open("sqlite", at("copy.sqlite"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	run(0, "export", "langgraph+sqlite:"+at("s.sqlite"), at("x.ctxa"))
	do(`DELETE FROM checkpoints; DELETE FROM writes; DELETE FROM store; CREATE TRIGGER keep_out BEFORE INSERT ON store BEGIN SELECT RAISE(ROLLBACK, 'words of the trigger'); END`)
	const named = "trigger keep_out on store"
	if out := run(0, "plan", at("x.ctxa"), "langgraph+sqlite:"+at("copy.sqlite"), "--accept-unsigned", "-o", at("p")); !strings.Contains(out, "may keep rows out: "+named+"\n") {
		t.Errorf("plan:\n%s", out)
	}
	if p, err := readPlan(at("p")); err != nil || !slices.Equal(p.Report.Rules, []string{named}) {
		t.Errorf("the plan's file: %v, %+v", err, p)
	}
	replayed := []string{"replay", at("x.ctxa"), "langgraph+sqlite:" + at("copy.sqlite"), "--accept-unsigned", "--journal", at("j")}
	out := run(exitResume, replayed...)
	if !strings.Contains(out, "hint: mend or drop the rule that is named, or leave the record out (--tombstones") || !strings.Contains(out, "a trigger refused it") || strings.Contains(out, "words of the trigger") {
		t.Error(out)
	}
	_, rest, _ := strings.Cut(out, "memory/")
	key, _, _ := strings.Cut(rest, ": ")
	if err := os.WriteFile(at("out"), []byte("memory/"+key+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := run(exitResume, append(replayed, "--tombstones", at("out"))...); key == "" || strings.Contains(out, key) { // the next one is kept out
		t.Errorf("%q left out:\n%s", key, out)
	}
	do(`DROP TRIGGER keep_out; CREATE TRIGGER keep_out BEFORE INSERT ON writes BEGIN SELECT RAISE(ABORT, 'words of the trigger'); END`)
	if out := run(3, replayed...); !strings.Contains(out, "a trigger refused it") || strings.Contains(out, "words of the trigger") { // what it refuses alone is named
		t.Error(out)
	}
	do("DROP TRIGGER keep_out")
	run(0, replayed...)
}

// TestReplayRefused: an archive that is refused in mid-way is refused by the same command again, so that nobody is told
// to try; what was written is named.
func TestReplayRefused(t *testing.T) {
	refused := fmt.Errorf("replay: source: %w", format.ErrDigest)
	for name, c := range map[string]struct {
		rep  *replay.Report
		hint string
	}{
		"nothing written": {&replay.Report{}, "it was altered, or damaged on its way: take another copy of what was sealed"},
		"some written":    {&replay.Report{Actions: map[replay.Action]uint64{replay.Created: 1}}, "it was altered, or damaged on its way: take another copy of what was sealed, with which the same command goes on; exitramp undo takes out what was written"},
	} {
		err := replayFailed(refused, c.rep, "j")
		if exitCode(err) != exitRefused || class(err) != "digest" || hintFor(err) != c.hint || strings.Contains(err.Error(), "the journal j") != (len(c.rep.Actions) > 0) {
			t.Errorf("%s: %v (%d), %s", name, err, exitCode(err), hintFor(err))
		}
	}
}
