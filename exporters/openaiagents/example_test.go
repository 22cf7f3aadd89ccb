package openaiagents_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/openaiagents"
)

// A folder is read whole: its databases of sessions, and the runs that were stored and wait.
func Example() {
	src := openaiagents.Open("testdata/sdk")
	defer src.Close()
	var to memstate.State
	rep, err := agentstate.Copy(context.Background(), &to, src, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rep.Verdict.Coverage, rep.Records["conversation"], "sessions", rep.Records["run"], "runs")
	// Output:
	// RECONCILED 9 sessions 4 runs
}
