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
	if err := noteBroken(ctx, io.NewSectionReader(f, 0, f.size), p); err != nil {
		return nil, fmt.Errorf("mcpmemory: %s: %w", g.path, err)
	}
	return p, f.check()
}

// maxBroken is how many gaps a preflight names by their lines.
const maxBroken = 100

// noteBroken notes the lines that are no JSON as a reading does: the first by their numbers, the others in one gap a kind.
func noteBroken(ctx context.Context, f io.Reader, p *agentstate.Preflight) error {
	queue := ahead.Start(ctx, func(ctx context.Context, emit func([]line) error) error { return eachPiece(ctx, f, emit) }, parsePiece)
	defer queue.Close()
	var bad broken
	var odd oddLines
	further := map[string]*pb.Gap{}
	put := func(g *pb.Gap) {
		switch more := further[g.Kind]; {
		case len(p.Gaps)-len(further) < maxBroken || g.Place == "layout":
			p.Gaps = append(p.Gaps, g)
		case more == nil:
			g.Place, g.Detail, g.Count = "further lines", "they are not JSON", 1
			further[g.Kind], p.Gaps = g, append(p.Gaps, g)
		default:
			more.Count++
		}
	}
	for {
		piece, ok, err := queue.Next()
		if !ok {
			bad.end(put)
			p.Notes = append(p.Notes, odd.notes()...)
			return err
		}
		for i := range piece {
			if x := &piece[i]; x.object == nil && !blank(x.text) {
				bad.note(&x.line, put)
			} else if x.object != nil {
				odd.note(x.object, x.no)
			}
		}
	}
}
