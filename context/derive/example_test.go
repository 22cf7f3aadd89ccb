package derive_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/derive"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// What is of a person goes, and with it the person; what is nobody's stays.
func ExampleNew() {
	src := memstate.New(
		&pb.Principal{Meta: &pb.Meta{Key: "principal/ann"}},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/1", SubjectKeys: []string{"principal/ann"}}, Content: &pb.Memory_Text{Text: "prefers tea"}},
		&pb.Memory{Meta: &pb.Meta{Key: "memory/2"}, Content: &pb.Memory_Text{Text: "open from seven"}},
	)
	rest, err := derive.New(context.Background(), src, derive.Options{Exclude: []string{"principal/ann"}})
	if err != nil {
		log.Fatal(err)
	}
	defer rest.Close()
	for r, err := range rest.Records(context.Background(), nil) {
		if err != nil {
			log.Fatal(err)
		}
		if key := r.GetMeta().GetKey(); key != "" {
			fmt.Println(key)
		}
	}
	fmt.Println("left out:", rest.Left)
	// Output:
	// memory/2
	// left out: map[memory:1 principal:1]
}
