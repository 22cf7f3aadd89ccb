//go:build unix

// Package procgroup ends a program together with what it has started.
package procgroup

import (
	"os/exec"
	"syscall"
)

// Own puts the program, before it is started, into a process group of its own, so that what it starts ends with it.
func Own(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// Kill ends the program and what it has started, also where it has ended itself.
func Kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
