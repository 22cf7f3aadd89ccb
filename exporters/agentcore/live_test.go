package agentcore

import (
	"os"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// TestLive makes the trip on the paid service, with the credentials of the usual AWS chain. It wants
// a region and the id of a memory to read, and writes into a memory whose id is given too; what it
// wrote is undone.
func TestLive(t *testing.T) {
	region, from, to := os.Getenv("AWS_REGION"), os.Getenv("EXITRAMP_LIVE_FROM"), os.Getenv("EXITRAMP_LIVE_TO")
	if region == "" || from == "" || to == "" {
		t.Skip("SKIPPED: set AWS_REGION, EXITRAMP_LIVE_FROM and EXITRAMP_LIVE_TO")
	}
	st, rep := read(t, New(Options{Region: region, Memory: from}))
	t.Logf("%v %s", rep.Records, rep.Verdict.Coverage)
	for k, v := range rep.Verdict.Kinds {
		t.Logf("%s %s %s", k, v.Coverage, v.Why)
	}
	dst := New(Options{Region: region, Memory: to})
	_, j := apply(t, dst, st)
	back, err := replay.ReadBack(t.Context(), st, agentstate.Source(dst), j)
	if err != nil {
		t.Fatal(err)
	}
	if back.MissingN > 0 || back.Same+back.Announced < back.Records {
		t.Errorf("%d of %d alike, missing %v, losses %v", back.Same+back.Announced, back.Records, back.Missing, back.Losses)
	}
	un, err := replay.Undo(t.Context(), dst, j)
	if err != nil || un.LeftN > 0 {
		t.Errorf("undo: %v %v", un, err)
	}
}
