package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/replay"
)

// TestDrillFailed: a drill that has not ended says how it goes on, and scripts can tell by its exit code.
func TestDrillFailed(t *testing.T) {
	a := newApp(new(bytes.Buffer), new(bytes.Buffer))
	full := &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	for name, tc := range map[string]struct {
		err  error
		code int
		hint string
	}{
		"broken off":            {fmt.Errorf("%w: replay: the login ended", drill.ErrBroken), exitResume, "run the same command again to go on"},
		"rule of the target":    {fmt.Errorf("%w: %w", drill.ErrBroken, replay.ErrRule), exitResume, "mend or drop the rule"},
		"disk full, on the way": {fmt.Errorf("%w: replay: %w", drill.ErrBroken, full), exitResume, "make room, then run the same command again"},
		"disk full":             {fmt.Errorf("drill: %w", full), exitResume, "make room"},
		"file too large":        {&os.PathError{Op: "write", Path: "x", Err: syscall.EFBIG}, exitResume, "make room"},
		"ended":                 {drill.ErrEnded, exitOther, "exitramp drill p.yaml --name q-2"},
		"archive":               {drill.ErrArchive, exitOther, "mode: stressed"},
		"ledger":                {drill.ErrLedgerLocked, exitResume, "wait for the other drill"},
		"anything else":         {errors.New("x"), exitOther, ""},
	} {
		err := a.drillFailed(tc.err, "p.yaml", "q")
		var e *exitError
		hint := ""
		if errors.As(err, &e) {
			hint = e.hint
		}
		if !errors.Is(err, tc.err) || exitCode(err) != tc.code || !strings.Contains(hint, tc.hint) {
			t.Errorf("%s: %v, exit code %d, hint %q", name, err, exitCode(err), hint)
		}
	}
}

// TestDrillLost: what was written and is not found again is no record that the target has no place for, nor is a vector
// that could not be made anew.
func TestDrillLost(t *testing.T) {
	gone := evidence.Loss{Kind: "memory", Count: 2, Of: 12, Grade: "dropped", Why: "not found when the target was read back"}
	none := evidence.Loss{Kind: "trigger", Count: 3, Of: 3, Grade: "dropped", Why: "the target has no triggers"}
	for want, losses := range map[string][]evidence.Loss{
		"10 of 12 records arrived, as they were or as announced\n":                                     {gone},
		"10 of 12 records arrived, as they were or as announced · no place in the target for 3 more\n": {gone, none},
	} {
		var out bytes.Buffer
		p := &evidence.Predicate{Kinds: []evidence.Kind{{Kind: "memory", Archived: 12, Imported: 12, Matched: 10, Missing: 2}}, Losses: losses}
		newApp(&out, &out).printDrill(&drill.Outcome{Predicate: p, Judgement: &evidence.Judgement{}}, "FAIL", &drillFlags{})
		p.Vectors = &evidence.Vectors{Texts: 9, Dropped: 4, Model: "m"}
		newApp(&out, &out).printDrill(&drill.Outcome{Predicate: p, Judgement: &evidence.Judgement{}}, "FAIL", &drillFlags{}) // of texts that were erased
		p.Losses = append(losses, evidence.Loss{Kind: "embedding", Count: 4, Of: 9, Grade: "dropped", Why: "too long"})
		newApp(&out, &out).printDrill(&drill.Outcome{Predicate: p, Judgement: &evidence.Judgement{}}, "FAIL", &drillFlags{})
		if strings.Count(out.String(), want) != 3 || !strings.Contains(out.String(), "vectors of 5 of 9 texts") {
			t.Errorf("%s\ndoes not say %q", out.String(), want)
		}
	}
}

// TestDrillNothing: what the target has no place for is no more than what arrived where nothing was to arrive.
func TestDrillNothing(t *testing.T) {
	var out bytes.Buffer
	p := &evidence.Predicate{Losses: []evidence.Loss{{Kind: "trigger", Count: 3, Of: 3, Grade: "dropped", Why: "the target has no triggers"}}}
	newApp(&out, &out).printArrived(p)
	if want := "nothing arrived · no place in the target for 3\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestClock(t *testing.T) {
	for s, want := range map[float64]string{0: "0.00 s", 9.994: "9.99 s", 59: "0:59", 362: "6:02", 4 * 3600: "4 h", 4*3600 + 600: "4 h 10 min", 7 * 86400: "7 d", 2.5 * 86400: "2.5 d", 30_000 * 86400: "30,000 d"} {
		if got := clock(s); got != want {
			t.Errorf("%v: %s, want %s", s, got, want)
		}
	}
}
