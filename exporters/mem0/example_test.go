package mem0_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/mem0"
)

// A folder is read whole: memories with their vectors, and what each said before.
func Example() {
	src := mem0.Open("testdata/python")
	defer src.Close()
	var to memstate.State
	rep, err := agentstate.Copy(context.Background(), &to, src, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rep.Verdict.Coverage, rep.Records["memory"], "memories", rep.Records["embedding"], "vectors", rep.Records["revision"], "revisions")
	// Output:
	// RECONCILED 10 memories 10 vectors 14 revisions
}
