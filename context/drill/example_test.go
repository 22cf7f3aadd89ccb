package drill_test

import (
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/exitramp/exitramp/context/drill"
)

// A plan is a file. Example is one with every key; a key that is not known is refused.
func ExampleReadPlan() {
	p, err := drill.ReadPlan(strings.NewReader(drill.Example))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("level", p.Level, "exercise", p.Exercise)
	_, err = drill.ReadPlan(strings.NewReader("levle: L3\n"))
	fmt.Println(errors.Is(err, drill.ErrPlan))
	// Output:
	// level L3 exercise true
	// true
}
