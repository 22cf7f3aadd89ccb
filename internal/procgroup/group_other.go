//go:build !unix

// Package procgroup ends a program together with what it has started.
package procgroup

import "os/exec"

// Own does nothing here: the system has no process groups that a signal reaches.
func Own(*exec.Cmd) {}

// Kill ends the program.
func Kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
