package gctest_test

import (
	"runtime/debug"
	"testing"

	"github.com/exitramp/exitramp/internal/gctest"
)

type tests func() int

func (f tests) Run() int { return f() }

// The collector is set while the tests run, their exit code is passed on, and GOGC goes before.
func TestCollector(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	for _, x := range []struct {
		env  string
		want int
	}{{"50", 100}, {"", 400}} {
		t.Setenv("GOGC", x.env)
		got := 0
		if code := gctest.Main(tests(func() int {
			got = debug.SetGCPercent(100)
			return 3
		})); code != 3 || got != x.want {
			t.Errorf("GOGC=%q: exit code %d, want 3; %d percent, want %d", x.env, code, got, x.want)
		}
	}
}
