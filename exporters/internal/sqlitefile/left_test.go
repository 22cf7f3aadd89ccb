package sqlitefile

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestDropNamed: a run that was killed when its database had just got its name leaves that by two names. One goes, while an
// application uses the other.
func TestDropNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new.db")
	if err := making(t, path, fill).Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	app, err := OpenWrite(t.Context(), path, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	if err := os.Link(path, path+partSuffix); err != nil {
		t.Fatal(err)
	}
	if err := DropLeft(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := app.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	alone(t, path)
	if n := rows(t, path); n != 1000 {
		t.Errorf("%d rows", n)
	}
}

// TestDropInTheWay: what is no file is no part.
func TestDropInTheWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new.db")
	if err := os.Mkdir(path+partSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := DropLeft(t.Context(), path); err != nil {
		t.Error(err)
	}
}
