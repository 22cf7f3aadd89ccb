package main

import (
	"bytes"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
)

// TestPrintRPO: the kind that misses its target is named, not an older one that has more time.
func TestPrintRPO(t *testing.T) {
	ages := map[string]uint64{"file": 90, "memory": 30, "message": 10}
	for _, c := range []struct {
		targets map[string]uint64
		want    string
	}{
		{nil, "RPO 1:30 (file, the worst kind)\n"},
		{map[string]uint64{"*": 3600}, "RPO 1:30 (file, the worst kind) of 1 h ✓\n"},
		{map[string]uint64{"*": 3600, "memory": 20}, "RPO 0:30 (memory, the worst kind) of 0:20 ✗\n"},
		{map[string]uint64{"*": 20}, "RPO 1:30 (file, the worst kind) of 0:20 ✗\n"},
	} {
		var out bytes.Buffer
		p := &evidence.Predicate{}
		p.Timing.RPOSeconds, p.Targets.RPOSeconds = ages, c.targets
		newApp(&out, &out).printRPO(p)
		if out.String() != c.want {
			t.Errorf("%v: %q, want %q", c.targets, &out, c.want)
		}
	}
}

// TestAnsweredText: a PASS may come with warnings, and the terminal counts them as the report does.
func TestAnsweredText(t *testing.T) {
	p := &evidence.Predicate{}
	for _, r := range []evidence.Result{evidence.Pass, evidence.Warn, evidence.Untold, evidence.Warn} {
		p.Checks = append(p.Checks, evidence.Check{Result: r})
	}
	if got := answeredText(p); got != "2 warnings, 1 of 4 statements not tested" {
		t.Error(got)
	}
	p.Checks = p.Checks[2:3]
	if got := answeredText(p); got != "1 of 1 statements not tested" {
		t.Error(got)
	}
}

// TestPrintVectors: what was not made anew does not count as made.
func TestPrintVectors(t *testing.T) {
	var out bytes.Buffer
	a := newApp(&out, &out)
	a.printWorth(&evidence.Predicate{Vectors: &evidence.Vectors{Model: "e, 8 numbers", Texts: 10, Asked: 10, Tokens: 59, Dropped: 4}})
	a.printWorth(&evidence.Predicate{Vectors: &evidence.Vectors{Model: "e, 8 numbers", Texts: 10, Asked: 10, Tokens: 59}})
	want := "vectors of 6 of 10 texts made anew with e, 8 numbers, some 59 tokens (estimate: 4 bytes each)\n" +
		"vectors of 10 texts made anew with e, 8 numbers, some 59 tokens (estimate: 4 bytes each)\n"
	if out.String() != want {
		t.Errorf("%s, want\n%s", &out, want)
	}
}
