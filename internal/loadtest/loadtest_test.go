package loadtest_test

import (
	"testing"

	"github.com/exitramp/exitramp/internal/loadtest"
)

// The plain run tries the rows that are named, EXITRAMP_LOAD=1 all; neither tries nothing.
func TestRows(t *testing.T) {
	table := map[string]int{"a": 1, "b": 2, "c": 3}
	for load, want := range map[string]int{"": 2, "1": 3} {
		t.Setenv("EXITRAMP_LOAD", load)
		if got := loadtest.Rows(table, "a", "c"); len(got) != want || got["a"] != 1 || got["c"] != 3 {
			t.Errorf("EXITRAMP_LOAD=%q: %v", load, got)
		}
		if got := loadtest.Every(2, []string{"a", "b", "c"}); len(got) != want || got[0] != "a" || got[want-1] != "c" {
			t.Errorf("EXITRAMP_LOAD=%q: %v", load, got)
		}
		if got := loadtest.Of(2, 3); got != want {
			t.Errorf("EXITRAMP_LOAD=%q: %d", load, got)
		}
		for _, names := range [][]string{{"a", "gone"}, nil} {
			if !panics(func() { loadtest.Rows(table, names...) }) {
				t.Errorf("EXITRAMP_LOAD=%q: %q are rows", load, names)
			}
		}
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}
