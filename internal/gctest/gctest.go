// Package gctest runs the tests of a package with a garbage collector that runs less often, with their files in memory, and
// lets more of them wait at the same time.
package gctest

import (
	"flag"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/internal/gcfloor"
)

// parallel is how many parallel tests are under way at a time, at least: they wait for clocks, rates and processes more
// than they work, so that as many as there are cores would leave the few of a small machine idle.
const parallel = 8

// Main runs tests and returns the exit code. Their heaps are small, so that a fifth of their time would go to the
// collector. What measures memory collects by itself, and benchmarks have the collector of the command. GOGC and
// -parallel are obeyed where they are set.
func Main(m interface{ Run() int }) int {
	bench := slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.bench=") })
	if os.Getenv("GOGC") == "" && !bench {
		debug.SetGCPercent(400)
	}
	if f := flag.Lookup("test.parallel"); f != nil {
		if n, err := strconv.Atoi(f.Value.String()); err == nil && n < parallel {
			f.Value.Set(strconv.Itoa(parallel)) // the flags are not read yet: what they say goes before
		}
	}
	defer inMemory()()
	defer gcfloor.Raise()() // as the command runs
	return m.Run()
}
