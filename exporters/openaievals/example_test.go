package openaievals_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/openaievals"
)

// A dump of evals is suites, cases and runs, which any harness can take.
func Example() {
	src := openaievals.Open("testdata/dump")
	defer src.Close()
	var to memstate.State
	rep, err := agentstate.Copy(context.Background(), &to, src, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rep.Verdict.Coverage, rep.Records["testsuite"], "suites", rep.Records["testcase"], "cases", rep.Records["testrun"], "runs")
	// Output:
	// RECONCILED 1 suites 3 cases 2 runs
}
