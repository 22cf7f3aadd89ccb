package models_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/models"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// What a state depends on, and when it ends.
func ExampleList() {
	dates, err := models.ReadDates(strings.NewReader(`{"as_of": "2026-10-28", "models": [{"provider": "openai", "retires": "2027-01-14", "ids": ["gpt-4o"], "source": "https://example.org"}]}`))
	if err != nil {
		log.Fatal(err)
	}
	src := memstate.Whole("notes",
		&pb.Model{Meta: agentstate.Meta("model", nil, "m"), Provider: "openai", RequestedId: "gpt-4o"},
		&pb.Agent{Meta: agentstate.Meta("agent", nil, "support"), ModelKey: "model/m"})
	uses, err := models.List(context.Background(), src, dates)
	if err != nil {
		log.Fatal(err)
	}
	for _, u := range uses {
		fmt.Println(u.ID, u.Agents, u.Retires.Format(time.DateOnly))
	}
	// Output:
	// gpt-4o [agent/support] 2027-01-14
}
