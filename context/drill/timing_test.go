package drill

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/evidence"
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

// TestRest: what nobody did between two attempts is in the recovery time, and does not grow with the full volume. What a
// later attempt does behind the read-back is in neither.
func TestRest(t *testing.T) {
	start := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	phase := func(name string, at, secs float64) evidence.Phase {
		return evidence.Phase{Name: name, Start: start.Add(time.Duration(at) * time.Second), Seconds: secs}
	}
	const days = 3 * 86400
	for name, c := range map[string]struct {
		phases     []evidence.Phase
		attempts   uint64
		recovered  int
		rest       [2]float64 // in the export, and behind it
		rto, whole float64    // of ten times the records
	}{
		"one attempt":            {[]evidence.Phase{phase("export", 0, 4), phase("verify", 4, 1), phase("read-back", 5, 5)}, 1, 3, [2]float64{}, 6, 100},
		"broken in the export":   {[]evidence.Phase{phase("export", 0, 4), phase("export", days+4, 4), phase("verify", days+8, 1), phase("read-back", days+9, 5)}, 2, 4, [2]float64{days, 0}, 6, 140 + days},
		"broken in the replay":   {[]evidence.Phase{phase("export", 0, 4), phase("verify", 4, 1), phase("replay", 5, 5), phase("verify", days+10, 1), phase("replay", days+11, 2), phase("read-back", days+13, 2)}, 2, 6, [2]float64{0, days}, days + 11, 150 + days},
		"broken behind all":      {[]evidence.Phase{phase("export", 0, 4), phase("verify", 4, 1), phase("read-back", 5, 5), phase("tear-down", 10, 1), phase("verify", days, 1), phase("tear-down", days+1, 1)}, 2, 3, [2]float64{}, 6, 100},
		"killed in the replay":   {[]evidence.Phase{phase("export", 0, 4), phase("verify", 4, 1), phase("verify", 3605, 1), phase("replay", 3606, 2), phase("read-back", 3608, 2)}, 2, 5, [2]float64{0, 3000}, 3606, 10*610 + 3000},
		"stressed, broken early": {[]evidence.Phase{phase("verify", days, 1), phase("read-back", days+1, 5)}, 2, 2, [2]float64{days, 0}, 6, 60},
	} {
		r := &run{
			now: func() time.Time { return start }, p: &Plan{Level: evidence.L3, FullCount: 1000}, facts: &Facts{Archive: evidence.Archive{Records: 100}},
			st: &state{Started: start, Phases: c.phases, Attempts: c.attempts, Recovered: c.recovered, RestExport: c.rest[0], RestExit: c.rest[1]},
		}
		for _, ph := range c.phases {
			if ph.Name == "verify" {
				r.st.Exit = ph.Start
				break
			}
		}
		if got := r.timing(); got.RTOSeconds != c.rto || got.Projection.Seconds != c.whole {
			t.Errorf("%s: recovery %v s, want %v; full volume %v s, want %v", name, got.RTOSeconds, c.rto, got.Projection.Seconds, c.whole)
		} else if said := strings.Contains(got.Projection.Formula, "between attempts"); said != (c.whole > days || c.rest[1] > 0) {
			t.Errorf("%s: %s", name, got.Projection.Formula)
		}
	}
}

// TestRested: an attempt that was killed rests from its last sign of life, and one that ended from its end.
func TestRested(t *testing.T) {
	dir, began := t.TempDir(), time.Now().Add(-time.Hour)
	lock, path := filepath.Join(dir, "lock"), filepath.Join(dir, "state")
	if _, err := loadState(path, &Plan{}, 0, began); err != nil {
		t.Fatal(err)
	}
	if got := workedOn(lock, path); got != 0 {
		t.Errorf("no lock was left: worked on for %s", got)
	}
	if err := os.WriteFile(lock, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]time.Time{lock: began.Add(10 * time.Minute), path: began} {
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	worked := workedOn(lock, path)
	s, err := loadState(path, &Plan{}, worked, began.Add(time.Hour))
	if err != nil || s.RestExport != (50*time.Minute-beat).Seconds() || s.RestExit != 0 {
		t.Errorf("%v: %+v", err, s)
	}
	// Killed at once, and gone on with an hour later: what it rested before is not counted again.
	rest := s.RestExport + (time.Hour - beat).Seconds()
	if s, err = loadState(path, &Plan{}, beat, began.Add(2*time.Hour)); err != nil || s.RestExport != rest {
		t.Errorf("%v: rested %v s, want %v", err, s.RestExport, rest)
	}
	stop := beats(lock)
	stop()
	if fi, err := os.Stat(lock); err != nil || time.Since(fi.ModTime()) > time.Minute {
		t.Errorf("no sign of life: %v", err)
	}
}
