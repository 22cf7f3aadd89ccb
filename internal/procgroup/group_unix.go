//go:build unix

// Package procgroup ends a program together with what it has started.
package procgroup

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Foreground tells whether this process is in the foreground of its terminal: only there a program may read from it.
func Foreground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	own, err2 := unix.Getpgid(0)
	return err == nil && err2 == nil && group == own
}

// Own puts the program, before it is started, into a process group of its own, so that what it starts ends with it.
func Own(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// Kill ends the program and what it has started, also where it has ended itself.
func Kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// Interrupt asks the program, and what it has started, to end.
func Interrupt(cmd *exec.Cmd) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// End waits for what a program that has ended has started, and after grace ends it by force.
func End(cmd *exec.Cmd, grace time.Duration) {
	for until := time.Now().Add(grace); syscall.Kill(-cmd.Process.Pid, 0) == nil && time.Now().Before(until); {
		time.Sleep(10 * time.Millisecond)
	}
	Kill(cmd)
}
