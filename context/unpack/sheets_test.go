package unpack

import (
	"strings"
	"testing"
)

// A long text is not copied to look at how it begins.
func TestCellAllocates(t *testing.T) {
	var v any = strings.Repeat(" ", 100) + strings.Repeat("x", 1<<20)
	if n := testing.AllocsPerRun(10, func() { cell(v) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
