package drill

import (
	"os"
	"time"
)

// beat is how often a drill says that it works.
const beat = 10 * time.Second

// beats sets the time of the lock's file to now, again and again until stop: who is killed cannot say when.
func beats(lock string) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(beat)
		defer t.Stop()
		for {
			// Where that fails, an attempt that is killed seems to have stopped where it last wrote its state.
			_ = os.Chtimes(lock, time.Time{}, time.Now())
			select {
			case <-t.C:
			case <-end:
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

// workedOn is for how long an attempt that was killed had gone on since it last wrote its state, and no less. Of any other
// no lock is left: it wrote its state when it ended.
func workedOn(lock, state string) time.Duration {
	l, err := os.Stat(lock)
	if err != nil {
		return 0
	}
	s, err := os.Stat(state)
	if err != nil {
		return 0
	}
	return max(0, l.ModTime().Sub(s.ModTime())) + beat
}
