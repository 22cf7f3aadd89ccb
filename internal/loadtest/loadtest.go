// Package loadtest says how much a test tries: in the plain run at least one of each thing that is proven, with EXITRAMP_LOAD=1
// all of it, be it points to kill at, rows of a table, stores or bytes. .ci/run runs the tests of each file that calls it both ways.
package loadtest

import (
	"maps"
	"os"
)

// Of is plain, or all with EXITRAMP_LOAD=1.
func Of[T any](plain, all T) T {
	if os.Getenv("EXITRAMP_LOAD") != "" {
		return all
	}
	return plain
}

// Rows are those of a table that the plain run tries, or all with EXITRAMP_LOAD=1. It panics over a name that no row has: a row
// that was renamed would not be tried any more.
func Rows[V any](table map[string]V, plain ...string) map[string]V {
	some := map[string]V{}
	for _, name := range plain {
		row, ok := table[name]
		if !ok {
			panic("loadtest: no row of the table is called " + name)
		}
		some[name] = row
	}
	if len(some) == 0 {
		panic("loadtest: the plain run tries no row of the table")
	}
	return Of(some, maps.Clone(table))
}

// Every is each nth of a list, the first included, or all with EXITRAMP_LOAD=1.
func Every[T any](n int, list []T) []T {
	var some []T
	for i := 0; i < len(list); i += n {
		some = append(some, list[i])
	}
	return Of(some, list)
}
