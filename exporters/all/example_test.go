package all_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/all"
)

// Any runtime is opened by its URL.
func ExampleRegistry() {
	src, err := all.Registry().Open(context.Background(), "mcpmemory:../mcpmemory/testdata/memory.jsonl")
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	n := 0
	for r, err := range src.Records(context.Background(), nil) {
		if err != nil {
			log.Fatal(err)
		}
		if agentstate.KindOf(r) == "entity" {
			n++
		}
	}
	fmt.Println(n, "entities")
	// Output:
	// 3 entities
}
