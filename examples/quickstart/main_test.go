package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
)

func TestQuickstart(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.ctxa")
	var out bytes.Buffer
	if err := export(t.Context(), &out, "langgraph+sqlite:../../cmd/exitramp/demo/support.sqlite", path); err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), &out, path, "langgraph+sqlite:"+filepath.Join(dir, "copy.db")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sealed RECONCILED", "conflicts 0", "match: true"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
	// The journal is of that archive, and of no other that is sealed under its name.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := export(t.Context(), &out, "langgraph+sqlite:../../cmd/exitramp/demo/support.sqlite", path); err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), &out, path, "langgraph+sqlite:"+filepath.Join(dir, "copy.db")); !errors.Is(err, replay.ErrOtherRun) {
		t.Error(err)
	}
}
