package gcfloor_test

import (
	"runtime"
	"testing"

	"github.com/exitramp/exitramp/internal/gcfloor"
)

// sink keeps the compiler from leaving allocations out.
var sink []byte

func collections() uint32 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 2000 {
		sink = make([]byte, 64<<10)
	}
	runtime.ReadMemStats(&after)
	return after.NumGC - before.NumGC
}

func TestRaise(t *testing.T) {
	without := collections()
	lower := gcfloor.Raise()
	with := collections()
	lower()
	if with*3 > without {
		t.Errorf("%d collections with the floor, %d without", with, without)
	}
}
