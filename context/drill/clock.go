package drill

import (
	"fmt"
	"time"
)

// A clock that is set by less is being kept right, and is not spoken of.
const clockSlack, clockJump = time.Second, time.Minute

// clock is the time, and notes where the clock was set: it is earlier than it was, in this attempt or in one before, or
// went on faster or slower than the time that passed. That time stands still while a machine sleeps, so the two look alike.
func (r *run) clock() time.Time {
	now := r.now()
	if r.began.IsZero() {
		r.began = now
	}
	wall := now.Round(0).UTC() // without the reading of the monotonic clock
	jump := wall.Sub(r.began.Round(0)) - now.Sub(r.began)
	if wall.Before(r.st.Latest.Add(-clockSlack)) || jump.Abs() > clockJump {
		r.st.ClockSet = true
	}
	if wall.After(r.st.Latest) {
		r.st.Latest = wall
	}
	return now
}

// behind notes the drill of a ledger that ended last, where that is later than it is now.
func (r *run) behind(l *Ledger) {
	r.entered = time.Time{}
	if l == nil {
		return
	}
	for _, e := range l.entries {
		if e.Ended.After(r.st.Latest.Add(clockJump)) && e.Ended.After(r.entered) {
			r.entered = e.Ended
		}
	}
}

// lapse is how long it is since a time of clock, in seconds: never less than nothing.
func (r *run) lapse(since time.Time) float64 { return max(0, r.clock().Sub(since).Seconds()) }

// clockSet says that the times of this drill cannot be relied on; empty: nothing shows it.
func (r *run) clockSet() string {
	switch {
	case !r.entered.IsZero():
		return fmt.Sprintf("The clock of this machine is behind, or that of an earlier drill was ahead: the ledger has a drill that ended at %s, after this one's end at %s. Recovery points and dates of this drill cannot be relied on.", r.entered.Format(time.RFC3339), r.st.Latest.Format(time.RFC3339))
	case !r.st.ClockSet:
		return ""
	}
	return fmt.Sprintf("The clock of this machine was set, or the machine slept, between the start of the drill and its end: its recovery time and recovery points cannot be relied on, and its times of day are of before and after. The latest was %s.", r.st.Latest.Format(time.RFC3339))
}
