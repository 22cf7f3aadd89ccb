package evidence_test

import (
	"fmt"
	"slices"

	"github.com/exitramp/exitramp/context/evidence"
)

// A level asks for its own checks and for those of all levels below it.
func ExampleGates_At() {
	g := evidence.DefaultGates()
	below, at := g.At(evidence.L2), g.At(evidence.L3)
	fmt.Println(len(at) > len(below), !slices.ContainsFunc(below, func(id string) bool { return !slices.Contains(at, id) }))
	fmt.Println(len(g.At("L9")))
	// Output:
	// true true
	// 0
}
