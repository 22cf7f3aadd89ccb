// Package heappeak measures memory in tests: with Growth what a program takes, garbage that waits
// included, and with Live what it holds.
package heappeak

import (
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// Growth is by how many bytes the heap grows at most while f runs, looked at each millisecond. Garbage is collected early:
// on a busy machine it would count as much as what is held.
func Growth(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	start, most := m.HeapAlloc, m.HeapAlloc
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	})
	f()
	close(stop)
	wg.Wait()
	return most - start
}
