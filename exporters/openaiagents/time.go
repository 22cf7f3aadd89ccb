package openaiagents

import (
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
)

// timeOf reads the times that the SDK and SQLite write, UTC; 0: none.
func timeOf(v any) int64 {
	s, _ := v.(string)
	if t, ok := plainTime(s); ok {
		return agentstate.UnixNano(t)
	}
	for _, f := range []string{"2006-01-02 15:04:05.999999", time.RFC3339Nano} {
		if t, err := time.Parse(f, s); err == nil {
			return agentstate.UnixNano(t)
		}
	}
	return 0
}

// plainTime reads "2026-11-23 16:21:40", which nearly every row has, in a tenth of the time that
// time.Parse takes.
func plainTime(s string) (t time.Time, ok bool) {
	const form = "0000-00-00 00:00:00"
	if len(s) != len(form) {
		return t, false
	}
	var n [6]int
	field := 0
	for i := range len(form) {
		switch {
		case form[i] != '0':
			if s[i] != form[i] {
				return t, false
			}
			field++
		case s[i] < '0' || s[i] > '9':
			return t, false
		default:
			n[field] = n[field]*10 + int(s[i]-'0')
		}
	}
	t = time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC)
	// A 30th of February would be another day.
	return t, n[1] > 0 && n[1] <= 12 && t.Day() == n[2] && n[3] < 24 && n[4] < 60 && n[5] < 60
}
