package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// What the kernel says when it makes no namespace is nothing about a disk.
func TestNoNamespace(t *testing.T) {
	for err, want := range map[syscall.Errno]string{syscall.ENOSPC: "user.max_user_namespaces", syscall.EPERM: "does not let users", syscall.ENOMEM: "cannot allocate"} {
		got := noNamespace(&os.PathError{Op: "fork/exec", Path: "/bin/x", Err: err})
		if !strings.Contains(got, want) || strings.Contains(got, "no space") {
			t.Errorf("%v: %s", err, got)
		}
	}
}
