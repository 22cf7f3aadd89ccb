package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
)

// TestDrillsAlike: a trend is of drills of one arrangement, one source, one target, one mode and one level.
func TestDrillsAlike(t *testing.T) {
	path := filepath.Join(t.TempDir(), "drills.jsonl")
	l, err := drill.OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string, rto float64, change func(*drill.Entry)) {
		t.Helper()
		e := drill.Entry{
			Drill: name, Name: name, Mode: evidence.Planned, Level: evidence.L3, Source: "codex files", Target: "codex files", Register: "A", RTOSeconds: rto, Verdict: evidence.VerdictPass,
		}
		change(&e)
		if err := l.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	add("first", 10, func(*drill.Entry) {})
	add("source", 20, func(e *drill.Entry) { e.Source = "claudecode files" })
	add("register", 20, func(e *drill.Entry) { e.Register = "B" })
	add("target", 20, func(e *drill.Entry) { e.Target = "openaiagents files" })
	add("mode", 20, func(e *drill.Entry) { e.Mode = evidence.Stressed })
	add("level", 20, func(e *drill.Entry) { e.Level = evidence.L4 })
	add("looked", 0, func(e *drill.Entry) { e.Level, e.Target, e.Records = evidence.L1, "", 7 })
	add("beside", 20, func(e *drill.Entry) {
		e.Register, e.Verdict, e.Held, e.Gates, e.Beside = "C", evidence.VerdictFail, 18, 18, "known answers of memory"
	})
	add("again", 15, func(*drill.Entry) {})
	l.Close()
	var out bytes.Buffer
	if code := newApp(&out, &out).run(t.Context(), []string{"drills", path}); code != 0 {
		t.Fatalf("exit code %d\n%s", code, &out)
	}
	for line := range strings.Lines(out.String()) {
		if got, want := strings.Contains(line, " %"), strings.Contains(line, "  again  "); got != want {
			t.Errorf("a trend: %t, want %t: %s", got, want, line)
		}
	}
	for _, want := range []string{"+50 % against drill ", "claudecode files → codex files", "codex files → openaiagents files", "L1  codex files  PASS 0/0 gates  RTO not measured  7 records, nothing is imported", "FAIL 18/18 gates, failed by known answers of memory"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
