package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
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
}
