package agentcore

import (
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/replay"
)

func TestEstimate(t *testing.T) {
	for _, c := range []struct {
		o    Options
		load replay.Load
		want time.Duration
		say  string
	}{
		{Options{}, replay.Load{}, 0, "nothing to write"},
		{Options{}, replay.Load{Records: map[string]uint64{"message": 2000, "conversation": 50}, Longest: 40}, 100 * time.Second, "2000 events ÷ 20/s = 1m40s"},
		{Options{Rate: 200}, replay.Load{Records: map[string]uint64{"message": 2000}, Longest: 40}, 10 * time.Second, "÷ 200/s"},
		{Options{}, replay.Load{Records: map[string]uint64{"message": 2000}, Longest: 2000}, 400 * time.Second, "2000 events of the longest session ÷ 5/s"},
		{Options{Sessions: 4}, replay.Load{Records: map[string]uint64{"message": 2000}, Longest: 2000}, 100 * time.Second, "÷ 20/s"},
		{Options{}, replay.Load{Records: map[string]uint64{"memory": 4001, "memoryspace": 3, "policy": 5}}, 2050*time.Millisecond + 2*time.Second, "4001 memory records ÷ 100 a request ÷ 20/s = 3s + 3 memories ÷ 3/s = 1s + 5 definitions ÷ 5/s = 1s"},
		{Options{}, replay.Load{Records: map[string]uint64{"message": 100_000_000}}, 5_000_000 * time.Second, "57.9 days"},
	} {
		got, formula := New(c.o).Estimate(c.load)
		if got != c.want || !strings.Contains(formula, c.say) {
			t.Errorf("%v: %s, %s; want %s, %s", c.load, got, formula, c.want, c.say)
		}
	}
}
