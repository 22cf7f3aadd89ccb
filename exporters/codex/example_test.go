package codex_test

import (
	"context"
	"fmt"
	"log"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/exporters/codex"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A home is read whole, without the values of secrets: each is a credential that says where it goes.
func Example() {
	src := codex.Open("testdata/home")
	defer src.Close()
	var to memstate.State
	rep, err := agentstate.Copy(context.Background(), &to, src, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rep.Verdict.Coverage, rep.Records["conversation"], "conversations")
	for r, err := range to.Records(context.Background(), nil) {
		if err != nil {
			log.Fatal(err)
		}
		if c, ok := r.(*pb.Credential); ok {
			fmt.Println(c.Rebind)
		}
	}
	// Output:
	// RECONCILED 2 conversations
	// put the value back at model_providers.x.base_url of config.toml
	// put the value back at model_providers.x.experimental_bearer_token of config.toml
	// put the value back at model_providers.x.http_headers.X-Token of config.toml
	// put the value back at mcp_servers.db.env.DB_PASSWORD of config.toml
}
