package mcpmemory

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/internal/ahead"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// Preflight counts what is in the file, names the lines that are none, and stores nothing.
func (g *Graph) Preflight(ctx context.Context) (*agentstate.Preflight, error) {
	f, err := g.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	n, err := count(ctx, f, false)
	if err != nil {
		return nil, fmt.Errorf("mcpmemory: %s: %w", g.path, err)
	}
	if err := n.graph(g.path); err != nil {
		return nil, err
	}
	p := &agentstate.Preflight{Origin: g.origin(), Observer: fmt.Sprintf("uid %d", os.Getuid()),
		Counts: map[string]int64{"entity": int64(n.entities), "relation": int64(n.relations), "opaque": int64(n.others)}}
	if n.entities > 0 {
		p.Counts["memory"] = -1 // one an observation, as a reading of its entity
	}
	if err := broken(ctx, io.NewSectionReader(f, 0, f.size), p); err != nil {
		return nil, fmt.Errorf("mcpmemory: %s: %w", g.path, err)
	}
	return p, f.check()
}

// maxBroken is how many lines a preflight names by their numbers.
const maxBroken = 100

// broken notes the lines that are no JSON: the first by their numbers, the others in one.
func broken(ctx context.Context, f io.Reader, p *agentstate.Preflight) error {
	queue := ahead.Start(ctx, func(ctx context.Context, emit func([]line) error) error { return eachPiece(ctx, f, emit) }, parsePiece)
	defer queue.Close()
	for {
		piece, ok, err := queue.Next()
		if !ok {
			return err
		}
		for i := range piece {
			x := &piece[i]
			switch n := len(p.Gaps); {
			case x.object != nil || blank(x.text):
			case n < maxBroken:
				p.Gaps = append(p.Gaps, x.gap())
			case n == maxBroken:
				p.Gaps = append(p.Gaps, &pb.Gap{Kind: "opaque", Place: "further lines", Reason: pb.Gap_REASON_CORRUPT, Detail: "they are not JSON", Count: 1})
			default:
				p.Gaps[n-1].Count++
			}
		}
	}
}
