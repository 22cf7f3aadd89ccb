package evidence

import (
	"testing"
	"time"
)

// TestExportSeconds: an attempt that was killed while it read the source has left no phase, and took its time all the same.
func TestExportSeconds(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	for name, c := range map[string]struct {
		phases   []Phase
		attempts uint64
		want     float64
	}{
		"one attempt":             {[]Phase{{Name: "export", Start: at(1), Seconds: 4}, {Name: "verify", Start: at(9)}}, 1, 4},
		"killed in the export":    {[]Phase{{Name: "export", Start: at(60), Seconds: 4}, {Name: "verify", Start: at(64)}, {Name: "verify", Start: at(90)}}, 2, 64},
		"killed behind it":        {[]Phase{{Name: "export", Start: at(0), Seconds: 4}, {Name: "verify", Start: at(4)}, {Name: "verify", Start: at(90)}}, 2, 4},
		"a clock that was set":    {[]Phase{{Name: "export", Start: at(-60), Seconds: 4}, {Name: "verify", Start: at(-56)}}, 2, 4},
		"stressed":                {[]Phase{{Name: "verify", Start: at(4)}}, 2, 0},
		"ended before the verify": {[]Phase{{Name: "export", Start: at(60), Seconds: 4}}, 2, 4},
	} {
		tm := Timing{Phases: c.phases}
		if got := tm.ExportSeconds(c.attempts, at(0)); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
