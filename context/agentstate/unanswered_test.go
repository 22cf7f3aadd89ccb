package agentstate_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
)

// TestUnanswered: what did not answer is told from what answered that something is not there, or may not be read.
func TestUnanswered(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	own := agentstate.Unanswered("the login has ended")
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("no such table"), false},
		{fmt.Errorf("a driver: %w", own), true},
		{agentstate.ErrUnanswered, true},
		{fmt.Errorf("a driver: %w", dial), true},
		{&url.Error{Op: "Get", Err: errors.New("EOF")}, true},
		{&net.DNSError{Name: "nowhere"}, true},
		{context.DeadlineExceeded, true},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EMFILE}, true}, // this process has too many files open
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, false},
		{fmt.Errorf("a driver: %w", &fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}), false},
		{&fs.PathError{Op: "read", Path: "x", Err: syscall.EIO}, false},
	} {
		if got := agentstate.IsUnanswered(c.err); got != c.want {
			t.Errorf("%v: want %v, got %v", c.err, c.want, got)
		}
	}
	if !errors.Is(fmt.Errorf("x: %w", own), own) || errors.Is(own, agentstate.Unanswered("the login has ended")) {
		t.Error("an error of a driver is not told from another of the same words")
	}
	last := agentstate.Lasting(own)
	if err := fmt.Errorf("x: %w", last); !errors.Is(err, last) || !errors.Is(err, own) || !agentstate.IsUnanswered(err) || !agentstate.IsLasting(err) || agentstate.IsLasting(own) {
		t.Error("what lasts is not told from what passes")
	}
}
