package langgraph_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/langgraph"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A store is read whole, also a store that another language wrote, and says what waits for a person.
func Example() {
	src := langgraph.SQLite("testdata/asksjs.sqlite")
	defer src.Close()
	var to memstate.State
	rep, err := agentstate.Copy(context.Background(), &to, src, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rep.Verdict.Coverage, rep.Records["conversation"], "threads")
	waits := 0
	for r, err := range to.Records(context.Background(), nil) {
		if err != nil {
			log.Fatal(err)
		}
		if i, ok := r.(*pb.Interrupt); ok && i.Status == pb.Interrupt_STATUS_OPEN {
			waits++
		}
	}
	fmt.Println(waits, "questions wait")
	// Output:
	// RECONCILED 6 threads
	// 12 questions wait
}
