// Package nostore is for errors of drivers whose runtime has nothing at a place that is there: an empty folder, a
// database without its tables.
package nostore

import "io/fs"

// Error is err, and an fs.ErrNotExist: whoever looks for what a run wrote finds as little as in a file that does not exist.
func Error(err error) error { return none{err} }

type none struct{ error }

func (e none) Unwrap() error { return e.error }

func (none) Is(target error) bool { return target == fs.ErrNotExist }
