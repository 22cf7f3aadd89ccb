package derive_test

import (
	"context"
	"iter"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/derive"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

type counted struct {
	agentstate.Source
	n *int
}

func (c counted) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	*c.n++
	return c.Source.Records(ctx, o)
}

// TestReadings: a state is read twice to find what goes with one record, and once more only where it has spaces or people that are views.
func TestReadings(t *testing.T) {
	memory := &pb.Memory{Meta: &pb.Meta{Key: "memory/1"}}
	view := &pb.Principal{Meta: &pb.Meta{Key: "principal/ada", ViewOfKeys: []string{"memory/2"}}}
	for want, recs := range map[int][]agentstate.Record{
		2: {memory},
		3: {memory, &pb.Memory{Meta: &pb.Meta{Key: "memory/2"}}, view},
	} {
		n := 0
		p, err := derive.New(t.Context(), counted{memstate.Whole("x", recs...), &n}, derive.Options{Tombstones: []string{"memory/1"}})
		if err != nil {
			t.Fatal(err)
		}
		p.Close()
		if n != want {
			t.Errorf("%d readings, want %d", n, want)
		}
	}
}
