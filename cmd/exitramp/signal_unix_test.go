//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSecondSignal: what waits and cannot be woken ends with the second signal; and a run that was killed leaves no
// status, not that of the run before.
func TestSecondSignal(t *testing.T) {
	dir := t.TempDir()
	pipe, status := filepath.Join(dir, "plan.yaml"), filepath.Join(dir, "status.json")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if err := exec.Command("exitramp", "exit-codes", "--status", status).Run(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(status); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("exitramp", "drill", pipe, "--status", status) // nobody writes to the pipe
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for until := time.Now().Add(10 * time.Second); exists(status) && time.Now().Before(until); { // it has begun
		time.Sleep(10 * time.Millisecond)
	}
	for range 2 {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("exit code 0")
		}
	case <-time.After(10 * time.Second):
		cmd.Process.Kill()
		t.Error("it goes on after two signals")
	}
	if exists(status) {
		t.Error("the status of the run before is there")
	}
}

// TestProgramAndItsChildren: who ends a play from outside ends its program, and what that started. A shell waits for
// its program before it heeds an interrupt.
func TestProgramAndItsChildren(t *testing.T) {
	dir := t.TempDir()
	store, pidfile := filepath.Join(dir, "support.sqlite"), filepath.Join(dir, "pid")
	if err := os.WriteFile(store, supportStore, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("exitramp", "play", "langgraph+sqlite:"+store, "--", "sh", "-c", `sh -c 'echo $$ > "$1.new"; mv "$1.new" "$1"; exec sleep 60' x "$1"; true`, "x", pidfile)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(20 * time.Second); !exists(pidfile) && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
	b, err := os.ReadFile(pidfile)
	if err != nil {
		cmd.Process.Kill()
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("exit code 0")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if syscall.Kill(pid, 0) == nil {
		syscall.Kill(pid, syscall.SIGKILL)
		t.Error("what the program started is still there")
	}
}
