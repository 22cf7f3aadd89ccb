package claudecode_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/claudecode"
)

// A plan says what would be written into another home, and what waits for a person. It writes nothing.
func Example() {
	dir, err := os.MkdirTemp("", "claudecode-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	plan, err := replay.Plan(context.Background(), claudecode.Open(filepath.Join(dir, "home")), claudecode.Open("testdata/home"), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("create", plan.Actions[replay.Created])
	fmt.Println("settings wait:", slices.Contains(plan.Held, "policy/settings.json"))
	// Output:
	// create 7
	// settings wait: true
}
