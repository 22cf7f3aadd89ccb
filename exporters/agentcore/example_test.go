package agentcore_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/exitramp/exitramp/exporters/agentcore"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
)

// A program looks ahead before it exports: as whom it reads, what it cannot read, and how long that takes at least.
// Here the service is the fake; without Config it is the region of the usual AWS chain.
func Example() {
	fake, err := agentcorefake.New(agentcorefake.Options{})
	if err != nil {
		log.Fatal(err)
	}
	srv := httptest.NewServer(fake)
	defer srv.Close()
	s := agentcore.New(agentcore.Options{Config: &aws.Config{Region: "eu-central-1", BaseEndpoint: &srv.URL,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "example", "")}, Rate: 1000})
	defer s.Close()
	p, err := s.Preflight(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.Observer, len(p.Gaps), "gaps", p.Effort.Requests > 0)
	// Output:
	// arn:aws:sts::123456789012:assumed-role/exit-reader/session 0 gaps true
}
