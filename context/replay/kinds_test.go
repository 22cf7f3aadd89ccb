package replay_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
)

// TestKindsReadBack: what no attempt was to send is not missing; what was sent and is gone, is.
func TestKindsReadBack(t *testing.T) {
	src := memstate.Sample(4)
	path, dst := journal(t), memstate.NewRuntime(nil)
	for _, tc := range []struct {
		send, want []string
		lose       string
		missing    uint64
	}{
		{[]string{"memoryspace", "memory"}, []string{"memory", "memoryspace"}, "", 0},
		{[]string{"memoryspace", "memory"}, []string{"memory", "memoryspace"}, "memory/ada/0001", 1},
	} {
		mustRun(t, dst, src, path, replay.Options{Kinds: tc.send})
		if tc.lose != "" {
			rest := memstate.NewRuntime(nil)
			for r, err := range dst.Records(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				if r.GetMeta().GetKey() != tc.lose && agentstate.IsState(agentstate.KindOf(r)) {
					rest.Set(r)
				}
			}
			dst = rest
		}
		j, err := replay.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := replay.ReadBack(t.Context(), src, dst, j)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.want, j.Kinds()); d != "" || rep.MissingN != tc.missing || rep.Same == 0 {
			t.Errorf("%v: %d missing, want %d; %d alike\n%s", tc.send, rep.MissingN, tc.missing, rep.Same, d)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
