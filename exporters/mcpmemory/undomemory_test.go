package mcpmemory

import (
	"fmt"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
	"github.com/exitramp/exitramp/internal/heappeak"
)

// An undo in a large file of others remembers what its run made, and none of their names.
func TestUndoFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it writes files of 4 and 20 MB")
	}
	heap := func(lines int) uint64 {
		var b strings.Builder
		for i := range lines {
			fmt.Fprintf(&b, "{\"type\":\"entity\",\"name\":\"%s %d\",\"entityType\":\"person\",\"observations\":[]}\n", strings.Repeat("somebody else ", 40), i) // few lines with long names weigh as much as many with short ones
		}
		g := write(t, b.String())
		b.Reset()
		var left []replay.Receipt
		high := heappeak.Live(func() {
			var err error
			if left, err = drivertest.Undo(t.Context(), g, &replay.Run{}, []replay.Receipt{{Target: agentstate.Key("entity", "ada"), Version: "00"}}); err != nil {
				t.Error(err)
			}
		})
		if len(left) != 1 || left[0].Why != replay.Gone {
			t.Errorf("%v", left)
		}
		return high
	}
	few, many := heap(6_000), heap(32_000)
	t.Logf("heap: %d KiB with 6,000 lines, %d KiB with 32,000", few>>10, many>>10)
	if many > few+8<<20 {
		t.Errorf("it grew by %d MiB", (many-few)>>20)
	}
}
