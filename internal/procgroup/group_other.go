//go:build !unix

// Package procgroup ends a program together with what it has started.
package procgroup

import (
	"os"
	"os/exec"
	"time"
)

// Foreground is false: there is no other place for a program.
func Foreground() bool { return false }

// Own does nothing here: the system has no process groups that a signal reaches.
func Own(*exec.Cmd) {}

// Kill ends the program.
func Kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

// Interrupt asks the program to end.
func Interrupt(cmd *exec.Cmd) error { return cmd.Process.Signal(os.Interrupt) }

// End does nothing here: what the program has started is not known.
func End(*exec.Cmd, time.Duration) {}
