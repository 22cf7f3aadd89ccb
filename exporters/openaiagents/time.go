package openaiagents

import (
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/plaintime"
)

// timeOf reads the times that the SDK and SQLite write, UTC; 0: none.
func timeOf(v any) int64 {
	s, _ := v.(string)
	return timeIn(s)
}

// timeIn is timeOf for text.
func timeIn(s string) int64 {
	if t, ok := plaintime.Parse(s); ok {
		return agentstate.UnixNano(t)
	}
	for _, f := range []string{"2006-01-02 15:04:05.999999", time.RFC3339Nano} {
		if t, err := time.Parse(f, s); err == nil {
			return agentstate.UnixNano(t)
		}
	}
	return 0
}
