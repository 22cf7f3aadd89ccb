package codex

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/exporters/internal/callid/calltest"
)

// TestCallIDs: calls whose ids another runtime used again have ids of their own in a rollout, each with its result, and none
// is longer than the provider takes.
func TestCallIDs(t *testing.T) {
	long := strings.Repeat("x", 65)
	got := calltest.Arrived(t, Open(filepath.Join(t.TempDir(), "home")),
		calltest.Session("user call:call_0 result:call_0 user call:call_0 user call:call_0 call:call_0 result:call_0 result:call_0 call:a.b|c result:a.b|c call:"+long+" result:"+long))
	if d := cmp.Diff([]string{"call_0=1,1", "call_0-2=2", "call_0-3=3,2", "call_0-4=4,3", "a.b|c=5,4", strings.Repeat("x", 55) + "_9537c5fd=6,5"}, got); d != "" {
		t.Error(d)
	}
}
