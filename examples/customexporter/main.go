// Customexporter is a driver for a runtime that the project does not know: JSON lines of the MCP memory server.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log"
	"os"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

type graph struct{ path string }

func (g graph) Records(ctx context.Context, _ *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		out := agentstate.NewEmitter(ctx, yield, &pb.Origin{Product: "mcp-memory", Flavor: "jsonl"})
		file, err := os.ReadFile(g.path)
		for line := range bytes.Lines(file) {
			var l struct {
				Type, Name, EntityType, From, To, RelationType string
				Observations                                   []string
			}
			native := agentstate.Document("line", "application/json", bytes.TrimRight(line, "\n"))
			bad := json.Unmarshal(line, &l)
			switch {
			case bad != nil:
				out.Gap(&pb.Gap{Kind: "entity", Place: fmt.Sprintf("%.40q", line), Reason: pb.Gap_REASON_CORRUPT, Count: 1})
			case l.Type == "entity":
				out.Put(&pb.Entity{Meta: agentstate.Meta("entity", native, l.Name), Name: l.Name, Types: []string{l.EntityType}, Observations: l.Observations})
			case l.Type == "relation":
				out.Put(&pb.Relation{Meta: agentstate.Meta("relation", native, l.From, l.RelationType, l.To), FromKey: agentstate.Key("entity", l.From), ToKey: agentstate.Key("entity", l.To), Type: l.RelationType})
			default:
				out.Put(&pb.Opaque{Meta: agentstate.Meta("opaque", native, string(line))})
			}
		}
		count := func(s string) uint64 { return uint64(bytes.Count(file, []byte(`{"type":`+s))) } // another route: as text
		out.Reference("entity", count(`"entity"`), "text search", "whole file")
		out.Reference("relation", count(`"relation"`), "text search", "whole file")
		out.Reference("opaque", count("")-count(`"entity"`)-count(`"relation"`), "text search", "whole file")
		out.AbsentOthers()
		out.End(err)
	}
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: customexporter memory.jsonl out.ctxa")
	}
	rep, err := format.Export(context.Background(), os.Args[2], graph{os.Args[1]}, nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rep.Verdict.Coverage, rep.Records)
}
