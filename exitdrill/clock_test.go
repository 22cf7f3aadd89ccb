package exitdrill_test

import (
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/exitdrill"
)

// TestClockSet: a clock that is set back in mid-drill makes no time negative, and the evidence says that it was; one that
// is right is not spoken of.
func TestClockSet(t *testing.T) {
	t.Parallel()
	for _, back := range []time.Duration{0, time.Hour} {
		p := newPlace(t)
		at := time.Now().Round(0)
		p.opts.Now = func() time.Time { at = at.Add(time.Second); return at }
		p.opts.Progress = func(phase string, r agentstate.Record) {
			if r != nil && phase == "replay" && back > 0 {
				at, back = at.Add(-back), -back
			}
		}
		out := p.run(p.plan())
		tm := out.Predicate.Timing
		for _, ph := range tm.Phases {
			if ph.Seconds < 0 {
				t.Errorf("%s took %v s", ph.Name, ph.Seconds)
			}
		}
		if tm.RTOSeconds <= 0 || tm.RTOSeconds > 1000 || tm.Projection.Seconds <= 0 {
			t.Errorf("RTO %v s, projection %+v", tm.RTOSeconds, tm.Projection)
		}
		if d := out.Predicate.Drill; d.EndedAt.Before(d.StartedAt) {
			t.Errorf("it ended at %s and began at %s", d.EndedAt, d.StartedAt)
		}
		said := strings.Contains(strings.Join(out.Predicate.Limits, " "), "clock of this machine was set")
		if c := check(out, 42); said != (c.Result == evidence.Untold) || said != (len(out.Hints) == 1) || said != (back != 0) || said != strings.Contains(c.Why, "clock of this machine was set") {
			t.Errorf("set by %s: %+v, limits %q", back, c, out.Predicate.Limits)
		}
	}
}

// TestClockSetBetween: a drill that was broken off and went on by a clock that was set back meanwhile.
func TestClockSetBetween(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.unreadableAfter(func(try int) error {
		if try == 1 {
			return agentstate.ErrUnanswered
		}
		return nil
	})
	if _, err := exitdrill.Run(t.Context(), p.plan(), &p.opts); err == nil {
		t.Fatal("it ended")
	}
	p.opts.Now = func() time.Time { return time.Now().Add(-48 * time.Hour) }
	out := p.run(p.plan())
	if d := out.Predicate.Drill; out.Predicate.Timing.RTOSeconds <= 0 || out.Predicate.Timing.RTOSeconds > 1000 || d.EndedAt.Before(d.StartedAt) || !strings.Contains(check(out, 42).Why, "clock of this machine was set") {
		t.Errorf("%+v, %+v", out.Predicate.Timing, check(out, 42))
	}
}

// TestClockBehindLedger: a drill on a clock that is behind that of an earlier drill of its ledger proves no recovery point,
// and a date that is over does not come to be ahead.
func TestClockBehindLedger(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	day := time.Now().AddDate(0, 0, -1).Format(time.DateOnly) // over, but not two days ago
	p.run(p.plan())
	for name, c := range map[string]struct {
		back time.Duration
		says bool
	}{"right": {0, false}, "late": {48 * time.Hour, true}} {
		p.opts.Now = func() time.Time { return time.Now().Add(-c.back) }
		out := p.run(p.plan("name: q", "name: "+name, "a.ctxa", name+".ctxa", "next_review: 2099-01-01", "next_review: "+day))
		if w := check(out, 42); strings.Contains(w.Why, "clock of this machine is behind") != c.says || (w.Result == evidence.Untold) != c.says {
			t.Errorf("%s: %+v", name, w)
		}
		if w := check(out, 46); w.Result != evidence.Untold || !strings.Contains(w.Why, "was before this drill") {
			t.Errorf("%s: the next review was yesterday: %+v", name, w)
		}
		if passed := out.Judgement.Verdict == evidence.VerdictPass; passed {
			t.Errorf("%s: it passed", name)
		}
	}
}
