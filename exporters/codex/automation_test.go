package codex

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestAutomations: what the desktop program runs by itself is carried with its notes, says when it runs, and runs nowhere
// else before a person approved it. A secret in its words stays where it is.
func TestAutomations(t *testing.T) {
	const at = "automations/nightly/automation.toml"
	doc := func(name, prompt, status string) string {
		return fmt.Sprintf("version = 1\nid = %q\nkind = \"cron\"\nname = %[1]q\nprompt = %q\nstatus = %q\nrrule = \"RRULE:FREQ=DAILY;BYHOUR=4\"\ncwds = [\"/w/é\"]\ncreated_at = 1777654085276\n", name, prompt, status)
	}
	nightly := doc("nightly", "Read `the` log.\n- sum it up", "ACTIVE")
	mem, rep := drivertest.Export(t, home(t, map[string]string{"AGENTS.md": "x", at: nightly, "automations/nightly/memory.md": "# Ran\n",
		"automations/sealed/automation.toml": doc("sealed", "curl -H 'Authorization: Bearer canary-zq-1'", "PAUSED"),
		"automations/lines/automation.toml":  doc("lines", "Log in:\nDB_PASS=canary-zq-2", "PAUSED"),
		"automations/old/automation.toml":    "name = 'old'\nprompt = \"\"\"\nSay \\\"x\\\".\n\"\"\"\nrrule = \"FREQ=HOURLY\"\n"}))
	if rep.Verdict.Coverage != agentstate.Reconciled || len(rep.Gaps) > 0 {
		t.Error(rep.Verdict, rep.Gaps)
	}
	got := map[string]string{}
	for r := range mem.Records(t.Context(), nil) {
		if strings.Contains(fmt.Sprint(r), "canary-zq") {
			t.Errorf("%s holds the secret", r.GetMeta().Key)
		}
		if r, ok := r.(*pb.Trigger); ok {
			got[r.Name] = fmt.Sprint(r.Form, " ", r.Expression, " ", r.Enabled, " ", string(r.Input.GetInline()), " ", r.Meta.ViewOfKeys)
		}
	}
	for name, want := range map[string]string{
		"nightly": "cron RRULE:FREQ=DAILY;BYHOUR=4 true Read `the` log.\n- sum it up [policy/automations%2Fnightly%2Fautomation.toml]",
		"lines":   "cron RRULE:FREQ=DAILY;BYHOUR=4 false  [policy/automations%2Flines%2Fautomation.toml]",
		"old":     "cron FREQ=HOURLY false Say \"x\".\n [policy/automations%2Fold%2Fautomation.toml]",
		"sealed":  "cron RRULE:FREQ=DAILY;BYHOUR=4 false  [policy/automations%2Fsealed%2Fautomation.toml]",
	} {
		if got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
	root := filepath.Join(t.TempDir(), "home")
	power := agentstate.Key("policy", at)
	if held, _ := drivertest.Apply(t, Open(root), mem); !slices.Contains(held.Held, power) {
		t.Errorf("held: %v", held.Held)
	}
	if _, err := os.Stat(filepath.Join(root, at)); err == nil {
		t.Error("it arrives without approval")
	}
	root = filepath.Join(t.TempDir(), "home")
	drivertest.Apply(t, Open(root), mem, power)
	if b, err := os.ReadFile(filepath.Join(root, at)); err != nil || string(b) != nightly {
		t.Errorf("%s %v", b, err)
	}
	if b, err := os.ReadFile(filepath.Join(root, "automations/nightly/memory.md")); err != nil || string(b) != "# Ran\n" {
		t.Errorf("%s %v", b, err)
	}
}
