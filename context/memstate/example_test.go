package memstate_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A State is a Source and a Sink: what a test puts in, it reads again.
func ExampleNew() {
	var to memstate.State
	from := memstate.New(&pb.Memory{Meta: &pb.Meta{Key: "memory/tea"}, Content: &pb.Memory_Text{Text: "green"}})
	if _, err := agentstate.Copy(context.Background(), &to, from, nil); err != nil {
		log.Fatal(err)
	}
	for m, err := range agentstate.Of[*pb.Memory](to.Records(context.Background(), nil)) {
		fmt.Println(m.GetText(), err)
	}
	// Output:
	// green <nil>
}
