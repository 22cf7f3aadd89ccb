// Package gcfloor keeps the garbage collector from running every few milliseconds in a program
// whose heap is small: one that reads hundreds of thousands of records a second and keeps none.
package gcfloor

import "runtime"

// Ballast is the size that the command runs with. A heap of some megabytes grows to about twice that before
// it is collected, in place of 4 MiB; a large one gets at most that much larger.
const Ballast = 16 << 20

// Raise sets the floor, until the returned function is called. The memory is never touched, so that
// the system gives none for it.
func Raise() (lower func()) {
	b := make([]byte, Ballast)
	return func() { runtime.KeepAlive(b) }
}
