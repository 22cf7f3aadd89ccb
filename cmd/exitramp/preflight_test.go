package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestPreflightTime: how many requests an export makes, and how long they take, is a bound, and said as one.
func TestPreflightTime(t *testing.T) {
	for want, e := range map[string]*agentstate.Effort{
		"time   at least 4,120 requests, 3m26s: 4100 ListEvents ÷ 20/s\n": {Requests: 4120, Time: 206 * time.Second, Formula: "4100 ListEvents ÷ 20/s"},
		"": nil,
	} {
		var out bytes.Buffer
		a := &app{stdout: &out}
		if err := a.printPreflight(&agentstate.Preflight{Origin: &pb.Origin{}, Effort: e}, &foreseen{}); err != nil || !strings.Contains(out.String(), want) || strings.Contains(out.String(), "time") != (e != nil) {
			t.Errorf("%v: want %q in\n%s", err, want, out.String())
		}
	}
}
