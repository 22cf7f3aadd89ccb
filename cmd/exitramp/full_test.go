package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A database that has no more room is a full disk, and the same command goes on.
func TestFull(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "a.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("PRAGMA max_page_count = 2; CREATE TABLE t (v)"); err != nil {
		t.Fatal(err)
	}
	_, full := db.Exec("INSERT INTO t VALUES (zeroblob(100000))")
	_, other := db.Exec("INSERT INTO nosuch VALUES (1)")
	for err, want := range map[error]bool{full: true, other: false, syscall.ENOSPC: true, syscall.EPERM: false} {
		if got := strings.Contains(goOn(fmt.Errorf("replay: %w", err)), "make room"); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// A disk that is full before the first record is written ends a replay as one that is full later does.
func TestFullJournal(t *testing.T) {
	for err, want := range map[error]int{syscall.ENOSPC: exitResume, syscall.EPERM: exitOther} {
		if got := exitCode(replayFailed(fmt.Errorf("replay: journal: %w", err), nil, "j")); got != want {
			t.Errorf("%v: exit %d, want %d", err, got, want)
		}
	}
}

// A place that is closed to this user is opened first; running it again alone does not help.
func TestClosed(t *testing.T) {
	err := fmt.Errorf("replay: target: %w", &os.PathError{Op: "mkdir", Path: "sub", Err: syscall.EACCES})
	if got := goOn(err); !strings.Contains(got, "have it opened, then run the same command again") {
		t.Error(got)
	}
	if got := hintFor(err); !strings.Contains(got, "have it opened, or name another place") {
		t.Error(got)
	}
}
