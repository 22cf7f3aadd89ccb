package replay

import (
	"context"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A grant that is let through while a denial beside it stays off allows more than the source did; while a
// question beside it does, it allows without asking what the source asked for. So it waits until that is
// approved as well.

// beside are the grants of a source that say what others may do.
type beside struct {
	lets      map[string]about // grants that are to be let through
	asked     map[string]bool  // those of them that ask
	denies    map[about]string // those that are not, and one of their keys
	asks      map[about]string
	principal map[string]bool // of all of them those that are no single one, as far as anybody says
}

// denied are the grants that o approves, and for each a denial, or a question, that it leaves off and that may be of
// the same. It reads the grants of src, and where they name a principal, the principals.
func denied(ctx context.Context, src agentstate.Source, o *Options) (map[string]string, error) {
	g := newGuard(o, false)
	if !g.approves("toolgrant") {
		return nil, nil
	}
	s := &beside{map[string]about{}, map[string]bool{}, map[about]string{}, map[about]string{}, map[string]bool{}}
	for r, err := range src.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"toolgrant"}}) {
		if err != nil {
			return nil, err
		}
		if t, ok := r.(*pb.ToolGrant); ok {
			s.read(g, t)
		}
	}
	if len(s.lets) == 0 || len(s.denies)+len(s.asks) == 0 {
		return nil, ctx.Err()
	}
	if err := single(ctx, src, s.principal); err != nil {
		return nil, err
	}
	return s.held(), ctx.Err()
}

func (s *beside) read(g *guard, t *pb.ToolGrant) {
	key, effect, a := t.GetMeta().GetKey(), effects[t.Effect], aboutOf(t)
	on := g.approved[key] && alien(t) == "" // else it waits, whoever approved it
	if by := g.by[key]; on && by != nil {
		effect = by.Effect
	}
	switch {
	case on && effect != effects[pb.ToolGrant_EFFECT_DENY]:
		s.lets[key] = a
		if effect == effects[pb.ToolGrant_EFFECT_ASK] {
			s.asked[key] = true
		}
	case on || !t.Enabled:
		return
	case t.Effect == pb.ToolGrant_EFFECT_DENY:
		first(s.denies, a, key)
	case t.Effect == pb.ToolGrant_EFFECT_ASK:
		first(s.asks, a, key)
	default:
		return
	}
	if a.principal != "" {
		s.principal[a.principal] = true
	}
}

// grant takes note of what became of a grant; of another record it takes none.
func (a *apply) grant(r agentstate.Record, rc *Receipt) {
	g, ok := r.(*pb.ToolGrant)
	if !ok {
		return
	}
	switch deny := g.Effect == pb.ToolGrant_EFFECT_DENY; {
	case rc.Action <= Updated:
		a.granted = a.granted || !deny
	case deny && g.Enabled && rc.Action != Held && !rc.NoLoss:
		a.rep.Undenied++
	}
}

// held are the grants that wait, and for what.
func (s *beside) held() map[string]string {
	whole := func(a about) about {
		if s.principal[a.principal] {
			a.principal = "" // others may be members of it, or it of others
		}
		return a
	}
	denies, asks := limits{}, limits{}
	for a, key := range s.denies {
		denies.add(whole(a), key)
	}
	for a, key := range s.asks {
		asks.add(whole(a), key)
	}
	out := map[string]string{}
	for key, a := range s.lets {
		a = whole(a)
		by := denies.of(a)
		if by == "" && !s.asked[key] { // what asks waits for no question
			by = asks.of(a)
		}
		if by != "" {
			out[key] = by
		}
	}
	return out
}

// approves tells whether a record of kind is approved.
func (g *guard) approves(kind string) bool {
	for key := range g.approved {
		if agentstate.KindOfKey(key) == kind {
			return true
		}
	}
	return false
}

// single takes out of groups those who are a person, an agent or a service by themselves.
func single(ctx context.Context, src agentstate.Source, groups map[string]bool) error {
	delete(groups, "")
	if len(groups) == 0 {
		return nil
	}
	for r, err := range src.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"principal"}}) {
		if err != nil {
			return err
		}
		if p, ok := r.(*pb.Principal); ok {
			switch p.Form {
			case pb.Principal_FORM_USER, pb.Principal_FORM_AGENT, pb.Principal_FORM_SERVICE:
				delete(groups, p.GetMeta().GetKey())
			}
		}
	}
	return nil
}
