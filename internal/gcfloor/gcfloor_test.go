package gcfloor_test

import (
	"runtime"
	"testing"

	"github.com/exitramp/exitramp/internal/gcfloor"
)

// next is the heap at which the collector runs again.
func next() uint64 {
	runtime.GC()
	runtime.GC() // what the first one freed is swept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NextGC
}

func TestRaise(t *testing.T) {
	without := next()
	lower := gcfloor.Raise()
	with := next()
	lower()
	if with < without+gcfloor.Ballast {
		t.Errorf("the collector runs at %d bytes with the floor, at %d without", with, without)
	}
	if after := next(); after > with-gcfloor.Ballast {
		t.Errorf("the collector runs at %d bytes after the floor was lowered, at %d with it", after, with)
	}
}
