package mcpmemory_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/mcpmemory"
)

// A graph is replayed into a file of its own, and read back.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "mcpmemory-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	src, dst := mcpmemory.Open("testdata/memory.jsonl"), mcpmemory.Open(filepath.Join(dir, "memory.jsonl"))
	j, err := replay.OpenJournal(filepath.Join(dir, "journal"))
	if err != nil {
		log.Fatal(err)
	}
	defer j.Close()
	rep, err := replay.Apply(ctx, dst, src, &replay.Options{Journal: j})
	if err != nil {
		log.Fatal(err)
	}
	back, err := replay.ReadBack(ctx, src, dst, j)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("created", rep.Actions[replay.Created], "missing", back.MissingN, "extra", back.ExtraN)
	// Output:
	// created 5 missing 0 extra 0
}
