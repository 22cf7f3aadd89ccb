// Drill rehearses the exit of a LangGraph store: out of it, into an archive, into a second store, read
// back, and taken out again. It prints what the statement for the auditor says.
//
//	go run ./examples/drill state.db
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/exitdrill"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/langgraph"
	"github.com/exitramp/exitramp/format"
)

// plan is decided before the drill; exitramp drill --init explains every key.
const plan = `
name: first
exercise: true
scenario: The provider ends the service; the agent moves to a store of our own.
mode: planned
level: L3
source: langgraph+sqlite:${STORE}
archive: ${DIR}/first.ctxa
target: langgraph+sqlite:${DIR}/copy.sqlite
output: ${DIR}
ledger: ${DIR}/drills.jsonl
keys: {sign: "${DIR}/ops.key"}
canaries: [{kind: memory, contains: neighbour}]
targets: {rto: 4h, rpo: {"*": 24h}}
next_review: 2027-02-28
`

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: drill STORE")
	}
	dir, err := os.MkdirTemp("", "exit-drill-")
	if err == nil {
		err = rehearse(context.Background(), os.Stdout, os.Args[1], dir)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// rehearse runs the plan on a store; dir is for all that it leaves.
func rehearse(ctx context.Context, w io.Writer, store, dir string) error {
	private, _, err := format.GenerateSigningKey(false)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "ops.key"), []byte(private), 0o600); err != nil {
		return err
	}
	p, err := drill.ReadPlan(strings.NewReader(strings.NewReplacer("${STORE}", store, "${DIR}", dir).Replace(plan)))
	if err != nil {
		return err
	}
	out, err := exitdrill.Run(ctx, p, &exitdrill.Options{Registry: exporters.NewRegistry(langgraph.Drivers()...)})
	if err != nil {
		return err
	}
	fmt.Fprintln(w, out.Predicate.Word(evidence.DefaultGates()))
	for _, why := range out.Judgement.Reasons {
		fmt.Fprintln(w, " ", why)
	}
	fmt.Fprintln(w, strings.Join(out.Files, "\n"))
	return nil
}
