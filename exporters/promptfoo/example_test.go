package promptfoo_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/promptfoo"
)

// A suite is read with each of its cases.
func Example() {
	src := promptfoo.Open("testdata/promptfooconfig.yaml")
	defer src.Close()
	var to memstate.State
	rep, err := agentstate.Copy(context.Background(), &to, src, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rep.Verdict.Coverage, rep.Records["testsuite"], "suite", rep.Records["testcase"], "cases")
	// Output:
	// RECONCILED 1 suite 6 cases
}
