package secrets_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/secrets"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Secrets in the words of records are taken out while a source is read. The summary holds none of them.
func ExampleScan() {
	s, err := secrets.New()
	if err != nil {
		log.Fatal(err)
	}
	src := memstate.Whole("notes", &pb.Memory{Meta: agentstate.Meta("memory", nil, "db"), Content: &pb.Memory_Text{Text: "the queue is at amqp://shop:Zx8-Kq2-Lw9@mq/orders"}})
	scan := secrets.Scan(src, s, secrets.Options{Mode: secrets.Redact})
	for r, err := range scan.Records(context.Background(), nil) {
		if err != nil {
			log.Fatal(err)
		}
		if m, ok := r.(*pb.Memory); ok {
			fmt.Println(m.GetText())
		}
	}
	fmt.Println(scan.Summary().Classes())
	// Output:
	// the queue is at amqp://shop:***********@mq/orders
	// uri-credentials 1
}
