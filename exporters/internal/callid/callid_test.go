package callid

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/internal/heappeak"
)

// TestTurns: a result is of the first call that has none, and one that a person spoke over comes behind those of the turn. One
// that no call waits for is marked with !.
func TestTurns(t *testing.T) {
	for name, c := range map[string]struct{ parts, want string }{
		"each its own":                  {"c:0 r:0 u c:0 r:0", "0 0 0-2 0-2"},
		"beside each other":             {"c:0 c:0 r:0 r:0", "0 0-2 0 0-2"},
		"no result, and a person spoke": {"c:0 u c:0 r:0", "0 0-2 0-2"},
		"a person spoke before it came": {"c:0 u r:0", "0 0"},
		"one of two, then a person":     {"c:0 c:0 r:0 u c:0 r:0 r:0", "0 0-2 0 0-3 0-3 0-2"},
		"two results":                   {"c:0 u c:0 r:0 r:0 r:0", "0 0-2 0-2 0 0-2!"},
		"no call":                       {"r:0 c:0 r:0", "0! 0 0"},
		"what became another":           {"c:0 c:0 c:0-2 r:0-2", "0 0-2 0-2-2 0-2-2"},
		"none":                          {"c: r:", "_e3b0c442 _e3b0c442"},
		"two results, then a call":      {"c:0 r:0 r:0 c:0 r:0 r:0 u r:0", "0 0 0! 0-2 0-2 0-2! 0-2!"},
		"two results of what is no id":  {"c: r: r: c: r:", "_e3b0c442 _e3b0c442 _e3b0c442! _e3b0c442-2 _e3b0c442-2"},
		"two results of one changed":    {"c:0 c:0 c:0-2 r:0-2 r:0-2", "0 0-2 0-2-2 0-2-2 0-2-2!"},
	} {
		s, got := IDs{Legal: Legal}, []string(nil)
		for p := range strings.FieldsSeq(c.parts) {
			switch what, id, _ := strings.Cut(p, ":"); what {
			case "u":
				s.Turn()
			case "c":
				got = append(got, s.Call(id))
			case "r":
				call, waits := s.Result(id)
				if !waits {
					call += "!"
				}
				got = append(got, call)
			}
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s: %s, want %s", name, g, c.want)
		}
	}
}

// TestWaiting: what is said while a call of the turn waits would come between it and its result.
func TestWaiting(t *testing.T) {
	s := IDs{Legal: Legal}
	for i, step := range []struct {
		do   func()
		want bool
	}{
		{func() { s.Result("none") }, false}, {func() { s.Call("0") }, true}, {func() { s.Call("0") }, true}, {func() { s.Result("0") }, true}, {func() { s.Result("0") }, false},
		{func() { s.Result("0") }, false}, {func() { s.Call("1") }, true}, {s.Turn, false}, {func() { s.Call("2") }, true}, {func() { s.Result("1") }, true}, {func() { s.Result("2") }, false},
	} {
		if step.do(); s.Waiting() != step.want {
			t.Errorf("step %d: %v", i, s.Waiting())
		}
	}
	if !s.Called("0-2") || s.Called("none") {
		t.Error("called")
	}
}

// TestLong: the number behind a long id does not make it longer than the provider takes.
func TestLong(t *testing.T) {
	s, seen := IDs{Legal: Legal}, map[string]bool{}
	for range 3 {
		id := s.Call(strings.Repeat("x", 64))
		if len(id) > 64 || seen[id] {
			t.Error(id)
		}
		seen[id] = true
	}
}

// TestMany: a runtime that calls each of its calls alike costs no more than another, whatever came between them.
func TestMany(t *testing.T) {
	s, start := IDs{Legal: Legal}, time.Now()
	for n := range 30_000 {
		if id := s.Call("0"); n > 0 && id != fmt.Sprintf("0-%d", n+1) {
			t.Fatal(n, id)
		}
		if n%2 == 0 {
			s.Turn()
		}
		s.Call(fmt.Sprintf("other%d", n))
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Error(took)
	}
}

// TestAnswered: a call that has its result takes no more than to know that its id is used.
func TestAnswered(t *testing.T) {
	const n = 200_000
	s := IDs{Legal: Legal}
	most := heappeak.Live(func() {
		for i := range n {
			id := fmt.Sprintf("call_%032d", i)
			call := s.Call(id)
			if result, waits := s.Result(id); call != id || result != id || !waits {
				t.Fatal(id, call, result, waits)
			}
		}
	})
	if t.Logf("%d bytes a call", most/n); most > 100*n {
		t.Errorf("%d MiB", most>>20)
	}
	if id := s.Call("call_" + strings.Repeat("0", 32)); id != "call_"+strings.Repeat("0", 32)+"-2" {
		t.Error(id)
	}
}
