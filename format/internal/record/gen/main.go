// Command gen writes the generated files of package record into the working directory.
package main

import (
	"fmt"
	"os"

	"github.com/exitramp/exitramp/format/internal/record/recordgen"
)

func main() {
	files, err := recordgen.Files()
	for name, b := range files {
		if err == nil {
			err = os.WriteFile(name, b, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
