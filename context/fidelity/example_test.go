package fidelity_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Two states are compared by key; what differs is said field by field.
func ExampleCompare() {
	memory := func(key, text string) agentstate.Record {
		return &pb.Memory{Meta: &pb.Meta{Key: key}, Content: &pb.Memory_Text{Text: text}}
	}
	want := memstate.New(memory("memory/tea", "green"), memory("memory/hours", "from seven"), memory("memory/size", "M"))
	got := memstate.New(memory("memory/tea", "black"), memory("memory/hours", "from seven"))
	rep, err := fidelity.Compare(context.Background(), want, got, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rep.Same, "of", rep.Records, "alike, missing", rep.Missing)
	for _, l := range rep.Losses {
		fmt.Println(l.Key, l.Path, l.Grade)
	}
	// Output:
	// 1 of 2 alike, missing [memory/size]
	// memory/tea text transformed
}
