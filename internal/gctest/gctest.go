// Package gctest runs the tests of a package with a garbage collector that runs less often.
package gctest

import (
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/internal/gcfloor"
)

// Main runs tests and returns the exit code. Their heaps are small, so that a fifth of their time would go to the
// collector. What measures memory collects by itself, and benchmarks have the collector of the command. GOGC is obeyed
// where it is set.
func Main(m interface{ Run() int }) int {
	bench := slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.bench=") })
	if os.Getenv("GOGC") == "" && !bench {
		debug.SetGCPercent(400)
	}
	defer gcfloor.Raise()() // as the command runs
	return m.Run()
}
