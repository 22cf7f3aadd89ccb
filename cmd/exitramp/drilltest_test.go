package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/exitdrill/drilltest"
)

// The tests of exitdrill/drilltest are here, where every driver is linked already.
const exitPlan = `
name: exit
exercise: true
scenario: a test of every build
mode: planned
level: L3
source: langgraph+sqlite:demo/support.sqlite
archive: made by the test
target: langgraph+sqlite:${TARGET}
output: a folder of the test
canaries: [{kind: memory, contains: neighbour}]
targets: {rto: 5m, rpo: {"*": 1d}}
arrangement: {register_id: A-1, contract_sha256: "%064d", service: support, tenant_class: production, region: eu, promised_kinds: [conversation, message, memory]}
next_review: 2099-01-01
`

func TestDrilltestRun(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TARGET", filepath.Join(dir, "copy.sqlite"))
	path := filepath.Join(dir, "exit.yaml")
	if err := os.WriteFile(path, fmt.Appendf(nil, exitPlan, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	out := drilltest.Run(t, drilltest.Plan(t, path))
	if out.Judgement.Verdict != evidence.VerdictPassWithLoss || !strings.Contains(strings.Join(out.Judgement.Reasons, " "), "no other program checked it") {
		t.Error(out.Judgement)
	}
}

// failures is a test that notes that it failed.
type failures struct {
	testing.TB
	failed []string
}

func (r *failures) Helper() {}

func (r *failures) Error(args ...any) { r.failed = append(r.failed, fmt.Sprint(args...)) }

func (r *failures) Errorf(f string, args ...any) {
	r.failed = append(r.failed, fmt.Sprintf(f, args...))
}

// TestDrilltestFails: an exit that does not work fails the test, with the reason.
func TestDrilltestFails(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TARGET", filepath.Join(dir, "copy.sqlite"))
	path := filepath.Join(dir, "exit.yaml")
	if err := os.WriteFile(path, []byte(strings.Replace(fmt.Sprintf(exitPlan, 0), "memory]}", "memory, skill, entity, embedding]}", 1)+"kinds: [conversation, message]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &failures{TB: t}
	drilltest.Run(r, drilltest.Plan(t, path))
	if all := strings.Join(r.failed, "\n"); !strings.Contains(all, "FAIL at L3") || !strings.Contains(all, "AC-8") {
		t.Errorf("%q", r.failed)
	}
}
