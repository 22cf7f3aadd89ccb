package replay_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// The way into a runtime, and out of it again: a plan, a run with a journal, a read-back, an undo. A grant waits
// until a person names its key.
func Example() {
	ctx := context.Background()
	src := memstate.Whole("notes",
		&pb.Memory{Meta: agentstate.Meta("memory", nil, "tea"), Content: &pb.Memory_Text{Text: "prefers green tea"}},
		&pb.ToolGrant{Meta: agentstate.Meta("toolgrant", nil, "refunds"), Pattern: "refund", Effect: pb.ToolGrant_EFFECT_ALLOW, Enabled: true},
	)
	dst := memstate.NewRuntime(nil)
	plan, err := replay.Plan(ctx, dst, src, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("plan: create", plan.Actions[replay.Created], "held", plan.Held)

	dir, err := os.MkdirTemp("", "replay-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	j, err := replay.OpenJournal(filepath.Join(dir, "journal"))
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	rep, err := replay.Apply(ctx, dst, src, &replay.Options{Journal: j})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("created", rep.Actions[replay.Created])
	back, err := replay.ReadBack(ctx, src, dst, j)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("read back", back.Same, "of", back.Records)
	gone, err := replay.Undo(ctx, dst, j)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("taken out", gone.Removed)
	// Output:
	// plan: create 1 held [toolgrant/refunds]
	// created 1
	// read back 1 of 1
	// taken out 1
}
