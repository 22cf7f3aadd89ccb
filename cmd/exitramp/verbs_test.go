package main

import (
	"bytes"
	"testing"
)

// Scripts can ask every verb for JSON.
func TestEveryVerbSpeaksJSON(t *testing.T) {
	without := map[string]string{
		"cat":        "its lines are JSON",
		"completion": "its output is a program of the shell",
		"help":       "its output is for people",
	}
	var out bytes.Buffer
	root := newApp(&out, &out).root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		why, excepted := without[c.Name()]
		delete(without, c.Name())
		if has := c.Flags().Lookup("json") != nil; has == excepted {
			t.Errorf("exitramp %s: --json %v, reason to have none %q", c.Name(), has, why)
		}
	}
	for verb := range without {
		t.Errorf("no verb %s", verb)
	}
}

// What writes, says beforehand what it would do. Verbs that only add a file which is named on the command
// line, and never write over one, need none.
func TestWritersHaveDryRun(t *testing.T) {
	var out bytes.Buffer
	root := newApp(&out, &out).root()
	for _, verb := range []string{"export", "derive", "sign", "rewrap", "re-encrypt", "unpack", "pack", "replay"} {
		c, _, err := root.Find([]string{verb})
		if err != nil {
			t.Fatal(err)
		}
		if c.Flags().Lookup("dry-run") == nil {
			t.Errorf("exitramp %s has no --dry-run", verb)
		}
	}
}
