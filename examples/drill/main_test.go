package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestRehearse(t *testing.T) {
	var out bytes.Buffer
	if err := rehearse(t.Context(), &out, "../../cmd/exitramp/demo/support.sqlite", t.TempDir()); err != nil {
		t.Fatal(err)
	}
	// The plan does not say what is left, and what nobody says is not tested.
	for _, want := range []string{"PARTIAL at L3: 16 of 18 gates", "AC-3: not tested: the plan does not say", "AC-8: not tested", "first.statement.json"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "AC-33") {
		t.Errorf("not all arrived:\n%s", &out)
	}
}
