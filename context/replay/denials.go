package replay

import (
	"context"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A grant that is let through while a denial beside it stays off allows more than the source did; while a
// question beside it does, it allows without asking what the source asked for. So it waits until that is
// approved as well.

// let is a grant that is to be let through, or what brings it.
type let struct {
	key  string
	what about
	asks bool
}

// beside are the grants of a source that say what others may do.
type beside struct {
	lets      map[let]bool
	denies    map[about]string // those that are not let through, and one of their keys
	asks      map[about]string
	principal map[string]bool // of all of them those that are no single one, as far as anybody says
	steps     int             // of held
}

func newBeside() *beside {
	return &beside{lets: map[let]bool{}, denies: map[about]string{}, asks: map[about]string{}, principal: map[string]bool{}}
}

// denied are what g approves that lets something through, and for each a denial, or a question, that g leaves off and
// that may be of the same. It reads the grants of src, and where they name a principal, the principals.
func denied(ctx context.Context, src agentstate.Source, g *guard) (map[string]string, error) {
	if len(g.approved) == 0 {
		return nil, nil
	}
	s := newBeside()
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
	if of := t.GetMeta().GetViewOfKeys(); g.exact && len(of) > 0 {
		key = of[0] // it arrives in that, or not at all
	}
	on := g.approved[key] && alien(t) == "" // else it waits, whoever approved it
	if g.erased(t) != "" && g.among(t, g.hold, whyWaits) != "" {
		on = false // as stop has it
	}
	if by := g.by[key]; on && by != nil && by.Effect != "" {
		effect = by.Effect
	}
	switch {
	case on && effect != effects[pb.ToolGrant_EFFECT_DENY]:
		s.lets[let{key, a, effect == effects[pb.ToolGrant_EFFECT_ASK]}] = true
	case on || !agentstate.Limits(t):
		return
	case t.Effect == pb.ToolGrant_EFFECT_DENY:
		first(s.denies, a, key)
	default:
		first(s.asks, a, key)
	}
	if a.principal != "" {
		s.principal[a.principal] = true
	}
}

// arrived are the grants that arrived, and what would limit them and did not.
type arrived struct {
	policies         map[string]Action // what became of each, whose grants come with it
	granted, allowed bool              // something came that is no denial, and that does not ask
	denials, asks    uint64            // were in force in the source, or may have been, and the target does not take them
}

// note takes note of what became of a grant, or of a policy; of another record it takes none.
func (a *arrived) note(r agentstate.Record, rc *Receipt) {
	if p, ok := r.(*pb.Policy); ok && !(rc.Action == Skipped && rc.NoLoss) {
		if a.policies == nil {
			a.policies = map[string]Action{}
		}
		a.policies[p.GetMeta().GetKey()] = rc.Action
	}
	g, ok := r.(*pb.ToolGrant)
	if !ok {
		return
	}
	action, effect := rc.Action, effects[g.Effect]
	if rc.NoLoss && g.PolicyKey != "" {
		action = a.policies[g.PolicyKey]
	}
	if rc.Approval != nil {
		effect = rc.Approval.Effect
	}
	switch action {
	case Created, Same, Updated:
		a.granted = a.granted || effect != effects[pb.ToolGrant_EFFECT_DENY]
		a.allowed = a.allowed || effect == effects[pb.ToolGrant_EFFECT_ALLOW]
	case Refused, Skipped:
		switch {
		case !agentstate.Limits(g) || rc.NoLoss && g.PolicyKey == "":
		case g.Effect == pb.ToolGrant_EFFECT_DENY:
			a.denials++
		default:
			a.asks++
		}
	}
}

// undenied is how many limits of the source are not on what arrived.
func (a *arrived) undenied() (n uint64) {
	if a.granted {
		n += a.denials
	}
	if a.allowed {
		n += a.asks
	}
	return n
}

// held are the grants that wait, and for what.
func (s *beside) held() map[string]string {
	whole := func(a about) about {
		if s.principal[a.principal] {
			a.principal = "" // others may be members of it, or it of others
		}
		return a
	}
	denies, asks := newLimits(), newLimits()
	for a, key := range s.denies {
		denies.add(whole(a), key)
	}
	for a, key := range s.asks {
		asks.add(whole(a), key)
	}
	out := map[string]string{}
	for l := range s.lets {
		a := whole(l.what)
		by := denies.of(a)
		if by == "" && !l.asks { // what asks waits for no question
			by = asks.of(a)
		}
		if by != "" && by != l.key && (out[l.key] == "" || by < out[l.key]) {
			out[l.key] = by
		}
	}
	s.steps = denies.steps + asks.steps
	return out
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
