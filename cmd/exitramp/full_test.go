package main

import (
	"database/sql"
	"fmt"
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
