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

func TestClock(t *testing.T) {
	for s, want := range map[float64]string{0: "0.00 s", 9.994: "9.99 s", 59: "0:59", 362: "6:02", 4 * 3600: "4 h", 4*3600 + 600: "4 h 10 min", 7 * 86400: "7 d", 2.5 * 86400: "2.5 d", 30_000 * 86400: "30,000 d"} {
		if got := clock(s); got != want {
			t.Errorf("%v: %s, want %s", s, got, want)
		}
	}
}
