// Package plaintime reads the times that databases write, in a tenth of the time that time.Parse
// takes: nearly every row has two.
package plaintime

import "time"

// Parse reads "2026-11-23 16:21:40" with or without a fraction of a second and a zone, Z or +00 or
// +00:00; without one it is UTC. ok is false for anything else.
func Parse(s string) (t time.Time, ok bool) {
	const form = "0000-00-00 00:00:00"
	if len(s) < len(form) {
		return t, false
	}
	var n [6]int
	field := 0
	for i := range len(form) {
		c := s[i]
		switch {
		case i == 10 && c == 'T':
			field++
		case form[i] != '0':
			if c != form[i] {
				return t, false
			}
			field++
		case c < '0' || c > '9':
			return t, false
		default:
			n[field] = n[field]*10 + int(c-'0')
		}
	}
	rest := s[len(form):]
	nano, unit := 0, 100_000_000
	if len(rest) > 1 && rest[0] == '.' {
		for rest = rest[1:]; len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9'; rest = rest[1:] {
			if unit == 0 {
				return t, false
			}
			nano += int(rest[0]-'0') * unit
			unit /= 10
		}
		if unit == 100_000_000 {
			return t, false
		}
	}
	offset, ok := zone(rest)
	if !ok {
		return t, false
	}
	t = time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], nano, time.UTC)
	// A 30th of February would be another day.
	ok = n[1] > 0 && n[1] <= 12 && t.Day() == n[2] && n[3] < 24 && n[4] < 60 && n[5] < 60
	return t.Add(-offset), ok
}

func zone(s string) (offset time.Duration, ok bool) {
	if s == "" || s == "Z" {
		return 0, true
	}
	if len(s) != 3 && (len(s) != 6 || s[3] != ':') || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	for _, i := range []int{1, 2, 4, 5} {
		if i < len(s) && (s[i] < '0' || s[i] > '9') {
			return 0, false
		}
	}
	hours, minutes := int(s[1]-'0')*10+int(s[2]-'0'), 0
	if len(s) == 6 {
		minutes = int(s[4]-'0')*10 + int(s[5]-'0')
	}
	offset = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if s[0] == '-' {
		offset = -offset
	}
	return offset, hours < 24 && minutes < 60
}
