package agentstate_test

import (
	"context"
	"fmt"
	"iter"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// notes is a runtime that remembers lines.
type notes []string

func (n notes) Records(ctx context.Context, _ *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		out := agentstate.NewEmitter(ctx, yield, &pb.Origin{Product: "notes"})
		for i, text := range n {
			native := agentstate.Document("line", "text/plain", []byte(text))
			out.Put(&pb.Memory{Meta: agentstate.Meta("memory", native, fmt.Sprint(i)), Content: &pb.Memory_Text{Text: text}})
		}
		out.Reference("memory", uint64(len(n)), "length of the list", "all notes")
		out.AbsentOthers()
		out.End(nil)
	}
}

// A driver states facts, Copy reads all of it, and the verdict is computed from the facts.
func Example() {
	var to memstate.State
	rep, err := agentstate.Copy(context.Background(), &to, notes{"prefers green tea", "works from seven"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rep.Verdict.Coverage, rep.Records["memory"])
	// Output:
	// RECONCILED 2
}

// ExampleKey shows that any bytes can be in a part of a key.
func ExampleKey() {
	fmt.Println(agentstate.Key("memory", "users/ada", "100%"))
	// Output:
	// memory/users%2Fada/100%25
}
