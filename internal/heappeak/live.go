package heappeak

import (
	"runtime"
	"runtime/debug"
	"time"
)

// Live is how much more is on the heap while f runs, at its highest: of what is in use, so that a
// collector that is late on a busy machine does not count. Between a collection and the look at what it
// left others go on: what they throw away then is kept small.
func Live(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, high, done := live(), uint64(0), make(chan bool)
	go func() {
		defer close(done)
		for {
			began := time.Now()
			high = max(high, live())
			select {
			case done <- true:
				return
			case <-time.After(max(5*time.Millisecond, time.Since(began))): // f has half of the time
			}
		}
	}()
	f()
	<-done
	high = max(high, live()) // what f has made and holds, and nobody looked at
	return high - min(high, before)
}
