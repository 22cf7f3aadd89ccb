package harness_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/harness"
)

// An answer is checked property by property. What it lacks is named, and its words are not repeated.
func ExampleCheck() {
	t := &harness.Task{Input: json.RawMessage(`"What is the capital of France?"`),
		Expect: []harness.Expectation{{Form: harness.Exact, MediaType: harness.PlainText, Value: []byte("Paris")}}}
	for _, output := range []string{`"Paris"`, `"Lyon"`} {
		ok, why, err := harness.Check(context.Background(), t, &harness.Answer{Output: json.RawMessage(output)}, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%t %q\n", ok, why)
	}
	// Output:
	// true ""
	// false "expectation 0: exact: want 6e36e9be37fd, got 0690e21b1195"
}
