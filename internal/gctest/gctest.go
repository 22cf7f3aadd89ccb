// Package gctest runs the tests of a package with a garbage collector that runs less often.
package gctest

import (
	"os"
	"runtime/debug"

	"github.com/exitramp/exitramp/internal/gcfloor"
)

// Main runs tests and returns the exit code. Their heaps are small, so that a fifth of their time would go to the
// collector. What measures memory collects by itself. GOGC is obeyed where it is set.
func Main(m interface{ Run() int }) int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	defer gcfloor.Raise()() // as the command runs
	return m.Run()
}
