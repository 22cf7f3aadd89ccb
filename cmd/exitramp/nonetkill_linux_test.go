package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestStressedKilled: who kills a stressed drill ends what runs in its namespaces, too. Alone that would go on writing to the
// target, and the same command would find another run at work.
func TestStressedKilled(t *testing.T) {
	self, err := exec.LookPath("exitramp")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	stressed := strings.NewReplacer("name: q", "name: s", "mode: planned", "mode: stressed").Replace(killPlan)
	for name, text := range map[string]string{
		"support.sqlite": string(supportStore), "plan.yaml": strings.Replace(killPlan, "level: L3", "level: L1", 1), "stressed.yaml": stressed,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := func(plan string) (*exec.Cmd, *bytes.Buffer) {
		cmd, out := exec.Command(self, "drill", plan), &bytes.Buffer{}
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
		cmd.WaitDelay = time.Second // what lives on holds its output open
		return cmd, out
	}
	first, _ := command("plan.yaml")
	_ = first.Run() // PARTIAL: nobody signs
	killed, said := command("stressed.yaml")
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if _, err := os.Stat(filepath.Join(dir, "out/s.drill.json")); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = killed.Process.Kill()
	_ = killed.Wait()
	if strings.Contains(said.String(), "not kept out from outside of this process") {
		t.Skipf("no namespaces here: %s", said)
	}
	again, out := command("stressed.yaml")
	_ = again.Run()
	if code := again.ProcessState.ExitCode(); code != exitCheck || !strings.Contains(out.String(), "101 of 101 records arrived") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}
