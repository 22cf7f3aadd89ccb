package openaiagents

import (
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
)

// TestSessionID: two conversations never become one session.
func TestSessionID(t *testing.T) {
	seen := map[string]string{}
	for _, id := range []string{"", "\x00", "a", "a\x00", "\x00a", "a\xff", "a\ufffd"} {
		got := sessionID(agentstate.Key("conversation", id))
		if had, ok := seen[got]; ok {
			t.Errorf("%q and %q both become %q", had, id, got)
		}
		seen[got] = id
	}
	if got := sessionID(agentstate.Key("conversation", "chat/7", "ü")); got != "chat/7/ü" {
		t.Error(got)
	}
}
