package drill_test

import (
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestQuestionElsewhere: a question is read out of a write, and where the target has that under another key, the known answer
// is found under the key that the question has there.
func TestQuestionElsewhere(t *testing.T) {
	asked := func(write string) *pb.Interrupt {
		m := agentstate.Meta("interrupt", nil, write, "0")
		m.ViewOfKeys = []string{agentstate.Key("pendingwrite", write)}
		return &pb.Interrupt{Meta: m, Question: agentstate.Inline("application/json", []byte(`"send it?"`))}
	}
	want := memstate.Whole("x", &pb.PendingWrite{Meta: agentstate.Meta("pendingwrite", nil, "w")}, asked("w"))
	dst := memstate.NewRuntime(&memstate.RuntimeOptions{OwnIDs: true, Exact: true})
	j, err := replay.OpenJournal(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if _, err := replay.Apply(t.Context(), dst, want, &replay.Options{Journal: j}); err != nil {
		t.Fatal(err)
	}
	_, parts := agentstate.SplitKey(j.KeyThere("pendingwrite/w"))
	dst.Set(asked(parts[0]))
	for _, c := range []drill.Canary{{Key: "interrupt/w/0"}, {Kind: "interrupt", Contains: "send it"}} {
		back, err := drill.ReadBack(t.Context(), want, dst, j, &drill.Plan{Canaries: []drill.Canary{c}})
		if err != nil {
			t.Fatal(err)
		}
		if parts[0] == "w" || back.Seen.Canaries[0] != 1 {
			t.Errorf("%+v is found %d times, of the write %q", c, back.Seen.Canaries[0], parts[0])
		}
	}
}
