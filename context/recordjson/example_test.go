package recordjson_test

import (
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/recordjson"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A record is a line, and the line is the record again.
func Example() {
	m := &pb.Memory{Meta: &pb.Meta{Key: agentstate.Key("memory", "ada", "tea")}, Content: &pb.Memory_Text{Text: "prefers green tea"}}
	line := recordjson.Append(nil, m)
	fmt.Println(string(line))
	back, err := recordjson.Parse(line)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(back.GetMeta().GetKey())
	// Output:
	// {"kind":"memory","meta":{"key":"memory/ada/tea"},"text":"prefers green tea"}
	// memory/ada/tea
}
