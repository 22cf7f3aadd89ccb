package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/keyfile"
)

// readApprovals reads a file of approvals, or a list of keys.
func (a *app) readApprovals(path string) (keys []string, signed []replay.Approval, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	if !replay.IsApprovals(b) {
		keys, err = keyfile.Read(path)
		return keys, nil, err
	}
	if signed, err = replay.ParseApprovals(b, a.now()); err != nil {
		return nil, nil, usagef("%s: %w", path, err)
	}
	return nil, signed, nil
}

// approvalsFile is a file of approvals that comes into being with the first record that waits.
type approvalsFile struct {
	path    string
	written string // path, once it is whole
	f       *os.File
	w       *bufio.Writer
	err     error
}

// free refuses to write over a file that a person may have filled in.
func (x *approvalsFile) free() error {
	if x.path != "" && exists(x.path) {
		return withHint(fmt.Errorf("%s is there already, and may be filled in", x.path), "rename or remove it, or give another name with --approvals-out")
	}
	return nil
}

func (x *approvalsFile) add(a replay.Approval) {
	if x.err != nil {
		return
	}
	if x.f == nil {
		if x.f, x.err = os.CreateTemp(filepath.Dir(x.path), "."+filepath.Base(x.path)+".*"); x.err != nil {
			return
		}
		x.w = bufio.NewWriter(x.f)
		_, x.err = x.w.WriteString(replay.ApprovalsHeader)
	}
	line, err := a.Line()
	if err == nil {
		_, err = x.w.WriteString(line)
	}
	x.err = errors.Join(x.err, err)
}

// close makes the file whole.
func (x *approvalsFile) close() error {
	if x.f == nil {
		return x.err
	}
	part, err := x.f.Name(), x.err
	if err == nil { // else w says it again
		err = errors.Join(x.w.Flush(), x.f.Sync())
	}
	err = errors.Join(err, x.f.Close())
	x.f = nil
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	if err := os.Rename(part, x.path); err != nil {
		return err
	}
	x.written = x.path
	return nil
}

// discard removes what was not made whole.
func (x *approvalsFile) discard() {
	if x.f != nil {
		x.f.Close()
		os.Remove(x.f.Name())
	}
}
