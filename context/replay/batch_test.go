package replay_test

import (
	"fmt"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestNextBatch: a batch is taken apart before the one before it is written, and learns all the same what
// became of that: that a key was there, and that a parent was not written.
func TestNextBatch(t *testing.T) {
	const batch = 512 // records
	var recs []agentstate.Record
	conversation := func(n int) *pb.Conversation {
		return &pb.Conversation{Meta: agentstate.Meta("conversation", nil, fmt.Sprint(n))}
	}
	for i := range batch {
		recs = append(recs, conversation(i))
	}
	last := recs[batch-1].GetMeta().Key
	recs = append(recs, conversation(batch-1)) // once more, in the next batch
	for i := range 2 * batch {
		recs = append(recs, &pb.Message{Meta: agentstate.Meta("message", nil, fmt.Sprint(i)), ConversationKey: last})
	}
	recs = append(recs, &pb.Message{Meta: agentstate.Meta("message", nil, "of another"), ConversationKey: recs[0].GetMeta().Key})
	refuse := &memstate.RuntimeOptions{Refuse: func(r agentstate.Record) string {
		if r.GetMeta().Key == last {
			return "too long"
		}
		return ""
	}}
	src := memstate.Whole("x", recs...)
	planned, err := replay.Plan(t.Context(), memstate.NewRuntime(refuse), src, nil)
	if err != nil {
		t.Fatal(err)
	}
	dst, path := memstate.NewRuntime(refuse), journal(t)
	rep := mustRun(t, dst, src, path, replay.Options{})
	for name, rep := range map[string]*replay.Report{"plan": planned, "run": rep} {
		if c, r := rep.Actions[replay.Created], rep.Actions[replay.Refused]; c != batch || r != 2+2*batch {
			t.Errorf("%s: %d created, %d refused", name, c, r)
		}
	}
	if dst.Len() != batch {
		t.Errorf("%d records are there, want %d", dst.Len(), batch)
	}
	if planned.Answers != rep.Answers {
		t.Error("the plan answered otherwise")
	}
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if rc, ok, err := j.Answer(last); err != nil || !ok || rc.Action != replay.Refused || rc.Why != "too long" {
		t.Errorf("%+v %v %v", rc, ok, err)
	}
}
