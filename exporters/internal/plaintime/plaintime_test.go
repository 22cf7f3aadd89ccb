package plaintime

import (
	"testing"
	"time"
)

// FuzzParse: what Parse reads is what time.Parse reads.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"2026-11-23 16:21:40", "2026-11-23T02:44:38.367Z", "2026-11-23 02:44:38.312000+00:00", "2026-11-23 03:55:50.752+00", "2026-11-23 03:55:50-05:30",
		"2026-02-30 00:00:00", "2026-13-01 00:00:00", "2026-00-01 00:00:00", "2026-01-00 00:00:00", "2026-01-01 24:00:00", "2026-01-01 00:00:60", "2026-01-01 00:00:00.", "2026-01-01 00:00:00.1234567891", "0000-01-01 00:00:00", "infinity", "", "2026-11-23 16:21:4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := Parse(s)
		if !ok {
			return
		}
		for _, form := range []string{"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999-07", "2006-01-02T15:04:05.999999999-07"} {
			if want, err := time.Parse(form, s); err == nil {
				if !want.Equal(got) {
					t.Errorf("%q: %v, want %v", s, got, want)
				}
				return
			}
		}
		t.Errorf("%q: %v, and time.Parse refuses it", s, got)
	})
}

func TestParse(t *testing.T) {
	for s, want := range map[string]int64{"1970-01-01 00:00:01": 1e9, "1970-01-01T00:00:01.5Z": 15e8, "1970-01-01 01:00:00.000001+01": 1000, "1970-01-01 00:00:00-00:30": 1800e9} {
		if got, ok := Parse(s); !ok || got.UnixNano() != want {
			t.Errorf("%s: %v %t", s, got, ok)
		}
	}
}
