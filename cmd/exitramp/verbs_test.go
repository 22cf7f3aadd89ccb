package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/derive"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/evidence/report"
	"github.com/exitramp/exitramp/format"
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

// Whatever goes wrong, a script that asked for JSON gets one object, of the same fields, and nothing else.
func TestEveryErrorSpeaksJSON(t *testing.T) {
	fails := func(args ...string) {
		t.Helper()
		var out, said bytes.Buffer
		code := newApp(&out, &said).run(t.Context(), args)
		var got struct {
			Error, Class, Hint *string
			Code               int `json:"exit_code"`
		}
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || code == 0 || got.Code != code || got.Error == nil || got.Class == nil || got.Hint == nil {
			t.Errorf("%v: exit code %d, %v: %s", args, code, err, &out)
		}
		if got.Error != nil && !strings.Contains(said.String(), *got.Error) {
			t.Errorf("%v: %q is not %q", args, *got.Error, &said)
		}
	}
	var out bytes.Buffer
	for _, c := range newApp(&out, &out).root().Commands() {
		if c.Flags().Lookup("json") != nil {
			fails(c.Name(), "--no-such-option", "--json")
			fails(c.Name(), "--json", "--no-such-option")
			fails(c.Name(), "--json", "")
		}
	}
	for _, args := range [][]string{{"no-such-command"}, {"--json", "verify", "x"}} {
		fails(append(args, "--json")...)
	}
	none := filepath.Join(t.TempDir(), "none")
	for _, args := range [][]string{
		{"verify", none}, {"list", none}, {"inspect", none}, {"diff", none, none}, {"plan", none, "mcpmemory:x", "-o", none}, {"replay", none, "mcpmemory:x"}, {"readback", none, "mcpmemory:x"},
		{"undo", none, "mcpmemory:x"}, {"undo", none, "mcpmemory:x", "--hold", none}, {"drill", none}, {"drill", none, "--dry-run"}, {"report", none}, {"drills", none}, {"export", "nosuch:x", none}, {"sample", none},
	} {
		fails(append(args, "--json")...)
	}
}

// TestRefusedHasClass: a script can tell the refusals apart, whatever was said around them.
func TestRefusedHasClass(t *testing.T) {
	for want, err := range map[string]error{
		"ledger": drill.ErrLedger, "hold": derive.ErrHold, "vectors": embed.ErrMixed, "verdict": evidence.ErrVerdict, "pack": report.ErrPack, "digest": format.ErrDigest, "secrets": &exitError{code: exitRefused, class: "secrets", err: errEvidence},
	} {
		if got := class(withHint(fmt.Errorf("x: %w", err), "y")); got != want {
			t.Errorf("%v: class %q, want %q", err, got, want)
		}
	}
}
