// Command gen writes decode.go beside package record.
package main

import (
	"fmt"
	"os"

	"github.com/exitramp/exitramp/format/internal/record/recordgen"
)

func main() {
	src, err := recordgen.Source()
	if err == nil {
		err = os.WriteFile("decode.go", src, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
