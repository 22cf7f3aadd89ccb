package weights_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/weights"
)

// Models are read by their headers and digests; a file that runs code when it is opened is a gap.
func Example() {
	src := weights.Open("testdata/models", false)
	defer src.Close()
	var to memstate.State
	rep, err := agentstate.Copy(context.Background(), &to, src, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rep.Records["model"], "models", rep.Records["artifact"], "files")
	for _, g := range rep.Gaps {
		fmt.Println("gap", g.Place)
	}
	// Output:
	// 5 models 20 files
	// gap support-lora/training_args.bin
}
