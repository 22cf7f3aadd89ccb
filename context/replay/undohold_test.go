package replay_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestUnderHold: what an undo would take out and is under a legal hold is named, whatever ids the target gave;
// what was there before the run is not.
func TestUnderHold(t *testing.T) {
	before := &pb.Memory{Meta: meta("memory", "before")}
	before.Meta.SubjectKeys = []string{"principal/dead"}
	same := &pb.Memory{Meta: meta("memory", "alive")}
	for name, opts := range map[string]*memstate.RuntimeOptions{"keys are kept": nil, "ids of its own": {OwnIDs: true}} {
		dst, path := memstate.NewRuntime(opts), journal(t)
		dst.Set(before)
		if opts == nil {
			dst.Set(same)
		}
		mustRun(t, dst, memstate.Whole("x", about()...), path, replay.Options{})
		j, err := replay.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		defer j.Close()
		for hold, want := range map[string]uint64{"principal/dead": 7, "conversation/c": 3, "message/d/1": 1, "memory/before": 0, "principal/other": 0} {
			rep, err := replay.UnderHold(t.Context(), dst, j, []string{hold})
			if err != nil || rep.N != want || uint64(len(rep.Keys)) != want || slices.Contains(rep.Keys, "memory/before") {
				t.Errorf("%s: %s holds %+v, %v, want %d", name, hold, rep, err, want)
			}
		}
		if rep, err := replay.UnderHold(t.Context(), dst, j, []string{"memory/alive"}); err != nil || (rep.N == 0) != (opts == nil) {
			t.Errorf("%s: what was there alike: %+v, %v", name, rep, err)
		}
	}
	none, err := replay.OpenJournal(journal(t))
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	if _, err := replay.UnderHold(t.Context(), memstate.Whole("x", []agentstate.Record{}...), none, nil); !errors.Is(err, replay.ErrJournal) {
		t.Error(err)
	}
}
