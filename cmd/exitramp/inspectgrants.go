package main

import (
	"context"
	"io"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/format"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// grantEffects counts the grants of an archive by what they do; off: not in force in the source.
type grantEffects struct {
	Allow   uint64 `json:"allow"`
	Ask     uint64 `json:"ask"`
	Deny    uint64 `json:"deny"`
	Off     uint64 `json:"off"`
	Unknown uint64 `json:"not_understood"`
}

// readGrants counts the grants of the archive in f; nil: there are none, or not all of it is open.
func readGrants(ctx context.Context, f io.ReaderAt, size int64, ro *format.ReaderOptions, in *format.Info) (*grantEffects, error) {
	if !in.Open || closed(in) > 0 || in.Records["toolgrant"] == 0 {
		return nil, nil
	}
	r, err := format.NewReader(f, size, ro)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	g := &grantEffects{}
	for rec, err := range r.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"toolgrant"}}) {
		if err != nil {
			return nil, err
		}
		if grant, ok := rec.(*pb.ToolGrant); ok {
			g.add(grant)
		}
	}
	return g, nil
}

func (g *grantEffects) add(grant *pb.ToolGrant) {
	switch {
	case !grant.Enabled:
		g.Off++
	case grant.Effect == pb.ToolGrant_EFFECT_ALLOW:
		g.Allow++
	case grant.Effect == pb.ToolGrant_EFFECT_ASK:
		g.Ask++
	case grant.Effect == pb.ToolGrant_EFFECT_DENY:
		g.Deny++
	default:
		g.Unknown++
	}
}

// text says what the grants do. Which tools can write is not said: runtimes do not say it.
func (g *grantEffects) text() string {
	s := number(g.Allow) + " allow · " + number(g.Ask) + " ask · " + number(g.Deny) + " deny"
	if g.Off > 0 {
		s += " · " + number(g.Off) + " off"
	}
	if g.Unknown > 0 {
		s += " · " + number(g.Unknown) + " not understood"
	}
	return s + " (tools that write are not told from those that only read)"
}
