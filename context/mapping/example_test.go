package mapping_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/mapping"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A map gives tools and people the names that they have at the new place. All that points at them follows.
func Example() {
	ctx := context.Background()
	m, err := mapping.Parse([]byte("tools: {lookup_order: orders.lookup}\nprincipals: {ada: ada@example.org}\n"))
	if err != nil {
		log.Fatal(err)
	}
	src := memstate.Whole("notes",
		&pb.Principal{Meta: agentstate.Meta("principal", nil, "ada")},
		&pb.Tool{Meta: agentstate.Meta("tool", nil, "lookup_order"), Name: "lookup_order"},
		&pb.ToolGrant{Meta: agentstate.Meta("toolgrant", nil, "1"), PrincipalKey: "principal/ada", ToolKey: "tool/lookup_order", Effect: pb.ToolGrant_EFFECT_ALLOW},
	)
	mapper, err := mapping.New(ctx, m, src)
	if err != nil {
		log.Fatal(err)
	}
	defer mapper.Close()
	for r, err := range mapper.Source(src).Records(ctx, nil) {
		if err != nil {
			log.Fatal(err)
		}
		switch r := r.(type) {
		case *pb.Tool:
			fmt.Println("tool", r.Name)
		case *pb.ToolGrant:
			fmt.Println("grant of", r.PrincipalKey)
		}
	}
	// Output:
	// tool orders.lookup
	// grant of principal/ada@example.org
}
