package heappeak_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/exitramp/exitramp/internal/heappeak"
)

// What f holds at its end counts, though it came after the last look.
func TestLiveAtItsEnd(t *testing.T) {
	const size = 32 << 20
	for range 10 {
		var kept []byte
		n := heappeak.Live(func() {
			time.Sleep(7 * time.Millisecond)
			kept = make([]byte, size)
		})
		if runtime.KeepAlive(kept); n < size-size/8 { // before, a little more was there
			t.Fatalf("%d MiB, want %d", n>>20, size>>20)
		}
	}
}
