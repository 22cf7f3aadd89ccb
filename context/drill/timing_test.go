package drill

import (
	"testing"
	"time"
)

// TestRPO: a recovery point is never said to be younger than it is.
func TestRPO(t *testing.T) {
	start := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	for age, want := range map[time.Duration]uint64{-time.Second: 0, 0: 0, 540 * time.Millisecond: 1, 2 * time.Second: 2, 2100 * time.Millisecond: 3} {
		o := newObserver(nil)
		o.kind("memory").Newest = start.Add(-age).UnixNano()
		r := &run{now: func() time.Time { return start }, p: &Plan{}, st: &state{Started: start, Seen: o.seen}, facts: &Facts{Records: map[string]uint64{"memory": 1}}}
		if got := r.timing().RPOSeconds["memory"]; got != want {
			t.Errorf("%s: %d s, want %d s", age, got, want)
		}
	}
}
