package agentstate

import (
	"errors"
	"net"
	"syscall"
)

// ErrUnanswered: a runtime gave no answer, as where a login has ended, nobody listens, or an application is writing what is
// read. That shows nothing about what it holds, and the same goes on later.
var ErrUnanswered = errors.New("agentstate: the runtime gives no answer")

// ErrChanged: a file was written by somebody else while it was read, or where a new one was to be. It is an ErrUnanswered.
var ErrChanged = Unanswered("a file changed while it was used; run again")

// Unanswered is a driver's own error that is an ErrUnanswered, in its own words.
func Unanswered(text string) error { return &unanswered{text} }

// Lasting is err, of a driver, where what it says lasts until a person acts, as a login that is refused: a program that asks again
// and again gets no other answer.
func Lasting(err error) error { return &lasting{err} }

// IsLasting tells whether err is Lasting.
func IsLasting(err error) bool {
	var l *lasting
	return errors.As(err, &l)
}

// IsUnanswered tells whether err is an ErrUnanswered, or of the network, or of a call that may go better next time.
func IsUnanswered(err error) bool {
	var unreached net.Error
	if errors.Is(err, ErrUnanswered) {
		return true
	}
	if !errors.As(err, &unreached) {
		return false
	}
	call, ok := unreached.(syscall.Errno) // has the methods of a net.Error, also where a file is not there
	return !ok || call.Temporary()
}

type unanswered struct{ text string }

func (u *unanswered) Error() string { return u.text }

func (u *unanswered) Is(target error) bool { return target == ErrUnanswered }

type lasting struct{ error }

func (l *lasting) Unwrap() error { return l.error }
