//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/internal/loadtest"
)

// killPlan is a drill that leaves what it replayed, to be counted.
const killPlan = `name: q
exercise: true
scenario: the power fails in mid-drill
mode: planned
level: L3
source: langgraph+sqlite:support.sqlite
archive: out/q.ctxa
target: langgraph+sqlite:copy.sqlite
keep: true
output: out
ledger: out/drills.jsonl
`

// TestDrillKilled: a drill that is killed at any moment goes on when the same command is run again, and
// ends as one that was not killed: nothing lost, nothing twice, one entry in the ledger.
func TestDrillKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	self, err := exec.LookPath("exitramp")
	if err != nil {
		t.Fatal(err)
	}
	store := func() string {
		dir := t.TempDir()
		for name, b := range map[string][]byte{"support.sqlite": supportStore, "plan.yaml": []byte(killPlan)} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	command := func(dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command(self, args...)
		var out bytes.Buffer
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the second process dies with the first
		return cmd, &out
	}
	list := func(dir string) string {
		cmd, out := command(dir, "list", "langgraph+sqlite:copy.sqlite", "--all", "--json")
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return out.String()
	}
	clean := store()
	cmd, out := command(clean, "drill", "plan.yaml")
	began := time.Now()
	_ = cmd.Run() // PARTIAL: nobody signs
	took := time.Since(began)
	if !strings.Contains(out.String(), "101 of 101 records arrived") {
		t.Fatalf("%s", out)
	}
	want, resumed := list(clean), 0
	points := loadtest.Of(3, 24)
	for i := range points {
		dir := ""
		for wait := took * time.Duration(2*i+1) / time.Duration(2*points); ; wait /= 2 {
			dir = store()
			cmd, _ := command(dir, "drill", "plan.yaml")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(wait)
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			_ = cmd.Wait()
			// On a machine that has less to do than before, it has ended: too late.
			if _, err := os.Stat(filepath.Join(dir, "out/q.statement.json")); err != nil {
				break
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "out/q.statement.json")); err != nil {
			again, out := command(dir, "drill", "plan.yaml")
			_ = again.Run()
			if code := again.ProcessState.ExitCode(); code != exitCheck {
				t.Fatalf("point %d: exit code %d\n%s", i, code, out)
			}
		}
		f, err := os.Open(filepath.Join(dir, "out/q.statement.json"))
		if err != nil {
			t.Fatalf("point %d: %v", i, err)
		}
		st, err := evidence.ParseStatement(f, nil)
		f.Close()
		if err != nil {
			t.Fatalf("point %d: %v", i, err)
		}
		if st.Predicate.Drill.Attempts > 1 {
			resumed++
		}
		if s := st.Predicate.Drill.Stopped; s != nil {
			t.Errorf("point %d: ended in %s: %s", i, s.Phase, s.Why)
			continue
		}
		for _, k := range st.Predicate.Kinds {
			if n := k.Missing + k.Differ + k.Refused + k.Conflicts; n > 0 {
				t.Errorf("point %d: %+v", i, k)
			}
		}
		if got := list(dir); got != want {
			t.Errorf("point %d: the target is another than without the kill", i)
		}
		b, err := os.ReadFile(filepath.Join(dir, "out/drills.jsonl"))
		if err != nil || bytes.Count(b, []byte("\n")) != 1 || !json.Valid(b) {
			t.Errorf("point %d: ledger: %v\n%s", i, err, b)
		}
	}
	t.Logf("%d of %d drills went on after a kill", resumed, points)
	if resumed < points/3 {
		t.Errorf("only %d of %d drills were caught on their way", resumed, points)
	}
}
