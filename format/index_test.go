package format

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A run comes out sorted, whatever is in it, and by nothing that only this process knows.
func TestRunOrder(t *testing.T) {
	g := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 300, 5000} {
		for _, spread := range []uint64{1, 3, 1 << 20, 1 << fingerprintBits} { // of fingerprints
			for _, comps := range []int{1, 3} {
				r := newRun()
				for i := range n {
					fp := g.Uint64N(spread) * (1 << fingerprintBits / spread)
					r.entries = append(r.entries, entry{fp<<24 | g.Uint64N(1<<24), uint32(g.IntN(3)), uint16(i), uint8(g.IntN(comps))})
				}
				want := slices.SortedFunc(slices.Values(r.entries), compareEntries)
				if got := r.take(); !slices.Equal(got, want) {
					t.Errorf("%d entries, %d fingerprints, %d compartments: out of order", n, spread, comps)
				}
			}
		}
	}
}
