package agentstate

import (
	"errors"
	"net"
)

// ErrUnanswered: a runtime gave no answer, as where a login has ended or nobody listens. That shows nothing about what it
// holds, and the same goes on later.
var ErrUnanswered = errors.New("agentstate: the runtime gives no answer")

// Unanswered is a driver's own error that is an ErrUnanswered, in its own words.
func Unanswered(text string) error { return &unanswered{text} }

// IsUnanswered tells whether err is an ErrUnanswered, or of the network.
func IsUnanswered(err error) bool {
	var unreached net.Error
	return errors.Is(err, ErrUnanswered) || errors.As(err, &unreached)
}

type unanswered struct{ text string }

func (u *unanswered) Error() string { return u.text }

func (u *unanswered) Is(target error) bool { return target == ErrUnanswered }
