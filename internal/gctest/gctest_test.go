package gctest_test

import (
	"flag"
	"os"
	"runtime/debug"
	"testing"

	"github.com/exitramp/exitramp/internal/gctest"
)

type tests func() int

func (f tests) Run() int { return f() }

// The collector is set while the tests run, their exit code is passed on, and GOGC and benchmarks go before.
func TestCollector(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	args := os.Args
	t.Cleanup(func() { os.Args = args })
	for _, x := range []struct {
		env, arg string
		want     int
	}{{"50", "-test.v", 100}, {"", "-test.v", 400}, {"", "-test.bench=.", 100}} {
		t.Setenv("GOGC", x.env)
		os.Args = []string{args[0], x.arg}
		got := 0
		if code := gctest.Main(tests(func() int {
			got = debug.SetGCPercent(100)
			return 3
		})); code != 3 || got != x.want {
			t.Errorf("GOGC=%q %s: exit code %d, want 3; %d percent, want %d", x.env, x.arg, code, got, x.want)
		}
	}
}

// More tests wait at a time than there are cores on a small machine, and no fewer on a large one.
func TestParallel(t *testing.T) {
	f := flag.Lookup("test.parallel")
	before := f.Value.String()
	t.Cleanup(func() { f.Value.Set(before) })
	for cores, want := range map[string]string{"1": "8", "8": "8", "64": "64"} {
		f.Value.Set(cores)
		got := ""
		gctest.Main(tests(func() int {
			got = f.Value.String()
			return 0
		}))
		if got != want {
			t.Errorf("%s cores: %s tests at a time, want %s", cores, got, want)
		}
	}
}
