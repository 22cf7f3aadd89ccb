package codex

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/internal/drivertest"
)

// A home whose databases have given ids of their own keeps its counters: a plan says so, and nothing differs
// that it did not say.
func TestCounterInUse(t *testing.T) {
	mem, _ := drivertest.Export(t, fullHome(t)) // its counter stands at 90
	for name, c := range map[string]struct {
		seq  int // of the target; 0: there is no database
		want uint64
	}{"fresh": {0, 0}, "behind": {3, 0}, "ahead": {900, 1}} {
		root := filepath.Join(t.TempDir(), "home")
		dst := opened(root)
		if c.seq != 0 {
			drivertest.Apply(t, dst, mem)
			change(t, root, "queue_1.sqlite", "UPDATE sqlite_sequence SET seq = "+strconv.Itoa(c.seq))
		}
		plan, err := replay.Plan(t.Context(), dst, mem, nil)
		if err != nil {
			t.Fatal(err)
		}
		rep, j := drivertest.Apply(t, dst, mem)
		if a, b := plan.LossCount["opaque.native.seq"], rep.LossCount["opaque.native.seq"]; a != c.want || b != c.want {
			t.Errorf("%s: planned %d and said %d, want %d", name, a, b, c.want)
		}
		if back, err := replay.ReadBack(t.Context(), mem, dst, j); err != nil || back.UnannouncedN != 0 {
			t.Errorf("%s: %v %v", name, back.Unannounced, err)
		}
	}
}
