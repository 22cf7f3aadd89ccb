package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a terminal's two ends: who types, and what a program has.
func terminal(t *testing.T) (typist, tty *os.File) {
	t.Helper()
	typist, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { typist.Close() })
	if err := unix.IoctlSetPointerInt(int(typist.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(typist.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { tty.Close() })
	return typist, tty
}

// play starts a play of script. It has nothing of a terminal but the one that its session may have.
func play(t *testing.T, tty *os.File, script string, args ...string) *exec.Cmd {
	t.Helper()
	store := filepath.Join(t.TempDir(), "support.sqlite")
	if err := os.WriteFile(store, supportStore, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("exitramp", append([]string{"play", "langgraph+sqlite:" + store, "--", "sh", "-c", script, "x"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if tty != nil {
		cmd.ExtraFiles = []*os.File{tty}
		cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, 3
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd
}

// waitFor waits for a file to hold what is wanted.
func waitFor(t *testing.T, path, want string) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(path)
		if err == nil && string(b) == want {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("%s: %q, %v, want %q", filepath.Base(path), b, err, want)
		}
	}
}

// endsSoon waits for cmd, which is to end long before anybody loses patience.
func endsSoon(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	began := time.Now()
	timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestProgramAtATerminal: a program asks at the terminal, though nothing is printed there, and one Ctrl-C is one.
func TestProgramAtATerminal(t *testing.T) {
	typist, tty := terminal(t)
	f := filepath.Join(t.TempDir(), "f")
	cmd := play(t, tty, `trap 'echo interrupted >> "$1"; kill $p' INT
		read line < /dev/tty; sleep 60 & p=$!; echo "$line" > "$1"
		wait $p; sleep 1; echo end >> "$1"`, f)
	if _, err := typist.WriteString("yes\n"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, f, "yes\n")
	if _, err := typist.Write([]byte{3}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, f, "yes\ninterrupted\nend\n")
	endsSoon(t, cmd)
}

// TestProgramThatHeedsNothing: a second signal ends the program, and what it has started, by force.
func TestProgramThatHeedsNothing(t *testing.T) {
	f := filepath.Join(t.TempDir(), "f")
	cmd := play(t, nil, `trap '' INT TERM; sh -c 'sleep 61' & echo $! > "$1.pid"; echo ready > "$1"; wait; wait; sleep 62`, f)
	waitFor(t, f, "ready\n")
	for range 2 {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
	}
	endsSoon(t, cmd)
	b, err := os.ReadFile(f + ".pid")
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscan(bytes.NewReader(b), &pid); err != nil {
		t.Fatal(err)
	}
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !bytes.Contains(stat, []byte(") Z ")) {
		syscall.Kill(pid, syscall.SIGKILL)
		t.Errorf("what the program started is still there: %s", stat)
	}
}
