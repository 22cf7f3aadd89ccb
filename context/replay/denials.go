package replay

import (
	"context"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A grant that is let through while a denial beside it stays off allows more than the source did. So it
// waits until the denial is approved as well.

// denial is what a denial is about. Many of them are about the same.
type denial struct {
	principal, tool string // keys; empty: any
	dialect, name   string // of a pattern, where it names one tool; empty: any
}

func denialOf(g *pb.ToolGrant) denial {
	d := denial{principal: g.PrincipalKey, tool: g.ToolKey}
	if name, _, _ := strings.Cut(g.Pattern, "("); g.PatternDialect != "" && !strings.ContainsAny(name, "*?[") {
		d.dialect, d.name = g.PatternDialect, strings.TrimSpace(name)
	}
	return d
}

// may tells whether d may deny some of what the grant a allows. groups are principals that others may be
// members of.
func (d denial) may(a denial, groups map[string]bool) bool {
	apart := func(x, y string) bool { return x != "" && y != "" && x != y }
	switch {
	case apart(d.principal, a.principal) && !groups[d.principal]:
		return false
	case apart(d.tool, a.tool):
		return false
	}
	return d.dialect != a.dialect || !apart(d.name, a.name)
}

// denied are the grants that o approves, and for each a denial that it leaves off and that may be of the
// same. It reads the grants of src, and where a denial names a principal, the principals.
func denied(ctx context.Context, src agentstate.Source, o *Options) (map[string]string, error) {
	g := newGuard(o, false)
	if !g.approves("toolgrant") {
		return nil, nil
	}
	lets := map[string]denial{} // grants that are to be let through
	off := map[denial]string{}  // denials that are not, and one of their keys
	groups := map[string]bool{} // of those, principals that are no single one, as far as anybody says
	for r, err := range src.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"toolgrant"}}) {
		if err != nil {
			return nil, err
		}
		t, ok := r.(*pb.ToolGrant)
		if !ok {
			continue
		}
		key := t.GetMeta().GetKey()
		denies := t.Effect == pb.ToolGrant_EFFECT_DENY
		switch by := g.by[key]; {
		case g.approved[key] && !denies && (by == nil || by.Effect != effects[pb.ToolGrant_EFFECT_DENY]):
			lets[key] = denialOf(t)
		case !g.approved[key] && denies && t.Enabled:
			if d := denialOf(t); off[d] == "" {
				off[d] = key
				groups[d.principal] = d.principal != ""
			}
		}
	}
	if len(lets) == 0 || len(off) == 0 {
		return nil, ctx.Err()
	}
	if err := single(ctx, src, groups); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for key, a := range lets {
		for d, by := range off {
			if d.may(a, groups) && (out[key] == "" || by < out[key]) { // one of them, and always the same
				out[key] = by
			}
		}
	}
	return out, ctx.Err()
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
