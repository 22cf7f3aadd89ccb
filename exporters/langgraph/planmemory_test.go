package langgraph

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/heappeak"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// manyValues are n small channel values, made when they are read.
type manyValues int

func (n manyValues) Records(context.Context, *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		if !yield(&pb.Origin{Meta: agentstate.Meta("origin", nil, "1"), Product: "langgraph", Flavor: "python+sqlite"}, nil) {
			return
		}
		for i := range int(n) {
			thread, version := fmt.Sprint("thread ", i/10), fmt.Sprintf("%032d.0.%016d", i, i)
			v := &pb.ChannelValue{
				Meta: agentstate.Meta("channelvalue", nil, thread, "", "messages", version), ConversationKey: agentstate.Key("conversation", thread),
				Channel: "messages", Version: version, Serializer: "msgpack", Value: agentstate.Inline("application/vnd.msgpack", make([]byte, 200)),
			}
			if !yield(v, nil) {
				return
			}
		}
		yield(&pb.Completeness{Meta: agentstate.Meta("completeness", nil, "1")}, nil)
	}
}

// TestPlanMemory: what a plan keeps of the values that pass, for the checkpoints that cite them, does not grow with the store.
func TestPlanMemory(t *testing.T) {
	dst := SQLite(filepath.Join(t.TempDir(), "state.db"))
	var rep *replay.Report
	var err error
	high := heappeak.Live(func() { rep, err = replay.Plan(t.Context(), dst, manyValues(60_000), nil) })
	if err != nil || rep.Kinds["channelvalue"] == nil {
		t.Fatalf("%v, %+v", err, rep)
	}
	if high > 32<<20 {
		t.Errorf("%d MiB for 60,000 values", high>>20)
	}
}
