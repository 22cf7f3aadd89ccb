package unpack_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/unpack"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Example writes a memory into a folder of JSON lines. Nothing is at its place before Commit, and Close takes away
// what was not committed.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "unpack-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	to, err := unpack.Create(filepath.Join(dir, "state"), unpack.JSONL, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer to.Close()
	m := &pb.Memory{Meta: agentstate.Meta("memory", nil, "tea"), Content: &pb.Memory_Text{Text: "prefers green tea"}}
	if err := to.Put(ctx, m); err != nil {
		log.Fatal(err)
	}
	if err := to.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "state", "memory.jsonl"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", b)
	// Output:
	// {"kind":"memory","meta":{"key":"memory/tea"},"text":"prefers green tea"}
}
