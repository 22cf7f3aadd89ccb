// Package receipts is what drivers' undoes share: those of a run come from the disk, and are held some at a time.
package receipts

import (
	"iter"

	"github.com/exitramp/exitramp/context/replay"
)

// some is how many are held.
const some = 4096

// Parts yields those that keep names, some at a time: a part is the caller's until it asks for the next.
func Parts(all iter.Seq2[replay.Receipt, error], keep func(replay.Receipt) bool) iter.Seq2[[]replay.Receipt, error] {
	return func(yield func([]replay.Receipt, error) bool) {
		var part []replay.Receipt
		for rc, err := range all {
			if err != nil {
				yield(nil, err)
				return
			}
			if !keep(rc) {
				continue
			}
			if part = append(part, rc); len(part) == some {
				if !yield(part, nil) {
					return
				}
				part = part[:0]
			}
		}
		if len(part) > 0 {
			yield(part, nil)
		}
	}
}

// Known tells whether rc is of a record that the target is known to have got.
func Known(rc replay.Receipt) bool { return rc.Target != "" }

// Any tells whether keep names one of all.
func Any(all iter.Seq2[replay.Receipt, error], keep func(replay.Receipt) bool) (bool, error) {
	for rc, err := range all {
		if err != nil || keep(rc) {
			return err == nil, err
		}
	}
	return false, nil
}

// LeaveAll gives leave all that are known, with one reason.
func LeaveAll(all iter.Seq2[replay.Receipt, error], why string, leave func(replay.Receipt)) error {
	for rc, err := range all {
		if err != nil {
			return err
		}
		if Known(rc) {
			rc.Why = why
			leave(rc)
		}
	}
	return nil
}
