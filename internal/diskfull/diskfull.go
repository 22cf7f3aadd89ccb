// Package diskfull tells errors of a place that has no more room.
package diskfull

import (
	"errors"
	"syscall"
)

// Is tells whether err says that a disk is full, or a quota or a limit on files is reached: with more room the same
// goes on.
func Is(err error) bool {
	var lite interface { // SQLite's error
		error
		Code() int
	}
	if errors.As(err, &lite) && lite.Code()&0xff == 13 {
		return true
	}
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
