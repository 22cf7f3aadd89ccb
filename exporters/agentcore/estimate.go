package agentcore

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/replay"
)

var _ replay.Estimator = (*Service)(nil)

// perRequest is how many memory records go in one request.
const perRequest = 100

// rate is at how many requests a second an operation is reckoned: the service's published quota, or what the URL gives.
func (s *Service) rate(op string) float64 {
	if s.o.auto {
		return min(s.o.Rate, slow(op))
	}
	return s.o.Rate
}

// Estimate is how long l takes at the service's published quotas, or at the rate that the URL gives.
// Where the account's quotas are higher it is faster.
func (s *Service) Estimate(l replay.Load) (time.Duration, string) {
	rate := s.rate
	var seconds float64
	var parts []string
	add := func(n uint64, each, rate float64, what string) {
		if n == 0 {
			return
		}
		x := math.Ceil(float64(n)/each) / rate
		seconds += x
		form := fmt.Sprintf("%d %s", n, what)
		if each > 1 {
			form += fmt.Sprintf(" ÷ %g a request", each)
		}
		parts = append(parts, fmt.Sprintf("%s ÷ %g/s = %s", form, rate, span(x)))
	}
	events, one := rate("CreateEvent"), createSpoken*s.o.Sessions
	if n := float64(l.Records["message"]) / events; float64(l.Longest)/one > n {
		add(l.Longest, 1, one, "events of the longest session")
	} else {
		add(l.Records["message"], 1, events, "events")
	}
	add(l.Records["memory"], perRequest, rate("BatchCreateMemoryRecords"), "memory records")
	add(l.Records["memoryspace"], 1, rate("CreateMemory"), "memories")
	var rest uint64
	for kind, n := range l.Records {
		switch kind {
		case "message", "memory", "memoryspace", "conversation":
		default:
			rest += n
		}
	}
	add(rest, 1, rate("CreatePolicy"), "definitions")
	if len(parts) == 0 {
		return 0, "nothing to write"
	}
	return time.Duration(min(seconds, 3e9) * float64(time.Second)), strings.Join(parts, " + ")
}

// span is a number of seconds as people read it.
func span(s float64) string {
	if s >= 48*3600 {
		return fmt.Sprintf("%.1f days", s/86400)
	}
	return time.Duration(math.Ceil(s) * float64(time.Second)).String()
}
