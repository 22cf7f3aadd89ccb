package replay

import (
	"context"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A grant that is let through while a denial beside it stays off allows more than the source did; while a
// question beside it does, it allows without asking what the source asked for. So it waits until that is
// approved as well.

// about is what a grant is about, as far as two can be told apart by it. Many grants are about the same.
type about struct {
	principal, tool string // keys; empty: any
	name            string // of the tools that a pattern names; empty: any
}

// anything stands in a projection of an about for whatever it says: no key and no name is like that.
const anything = "*"

func aboutOf(g *pb.ToolGrant) about {
	a := about{principal: g.PrincipalKey, tool: g.ToolKey}
	if g.PatternDialect == "claude-code" { // of other dialects a pattern may be a whole policy
		a.name = toolsOf(g.Pattern)
	}
	return a
}

// toolsOf is the name for the tools that a pattern of Claude Code is about. Its rules for Edit hold for all
// tools that write files, those for Read for all that read them, those for an MCP server for all of its tools.
func toolsOf(pattern string) string {
	name, _, _ := strings.Cut(pattern, "(")
	switch name = strings.TrimSpace(name); name {
	case "Write", "MultiEdit", "NotebookEdit":
		return "Edit"
	case "Glob", "Grep", "LS", "NotebookRead":
		return "Read"
	}
	if strings.ContainsAny(name, "*?[") || strings.HasPrefix(name, "mcp__") && strings.Count(name, "__") < 2 {
		return ""
	}
	return name
}

// open tells which of what a says is anything.
func (a about) open() [3]bool { return [3]bool{a.principal == "", a.tool == "", a.name == ""} }

// project is a with anything in the places of open.
func (a about) project(open [3]bool) about {
	for i, s := range []*string{&a.principal, &a.tool, &a.name} {
		if open[i] {
			*s = anything
		}
	}
	return a
}

// limits are grants that may not be let through without others, each with one of its keys: the first.
type limits map[about]string

func (l limits) add(a about, key string) {
	if by, ok := l[a]; !ok || key < by {
		l[a] = key
	}
}

// on are the projections of l for those who leave open what open says.
func (l limits) on(open [3]bool) limits {
	out := limits{}
	for a, key := range l {
		out.add(a.project(open), key)
	}
	return out
}

// of is the first of l that may be about some of what a is about; empty: none is. l is projected for a.
func (l limits) of(a about) string {
	first := ""
	open := a.open()
	for n := range 8 { // each place says the same, or anything
		b := a.project(open)
		for i, s := range []*string{&b.principal, &b.tool, &b.name} {
			if n>>i&1 == 1 && !open[i] {
				*s = ""
			}
		}
		if key := l[b]; key != "" && (first == "" || key < first) {
			first = key
		}
	}
	return first
}

// beside are the grants of a source that say what others may do.
type beside struct {
	lets      map[string]about // grants that are to be let through
	asked     map[string]bool  // those of them that ask
	off       [2]limits        // those that are not: denials, and what asks
	principal map[string]bool  // of all of them those that are no single one, as far as anybody says
}

// denied are the grants that o approves, and for each a denial, or a question, that it leaves off and that may be of
// the same. It reads the grants of src, and where they name a principal, the principals.
func denied(ctx context.Context, src agentstate.Source, o *Options) (map[string]string, error) {
	g := newGuard(o, false)
	if !g.approves("toolgrant") {
		return nil, nil
	}
	s := &beside{map[string]about{}, map[string]bool{}, [2]limits{{}, {}}, map[string]bool{}}
	for r, err := range src.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"toolgrant"}}) {
		if err != nil {
			return nil, err
		}
		if t, ok := r.(*pb.ToolGrant); ok {
			s.read(g, t)
		}
	}
	if len(s.lets) == 0 || len(s.off[0])+len(s.off[1]) == 0 {
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
		s.off[0].add(a, key)
	case t.Effect == pb.ToolGrant_EFFECT_ASK:
		s.off[1].add(a, key)
	default:
		return
	}
	if a.principal != "" {
		s.principal[a.principal] = true
	}
}

// held are the grants that wait, and for what. Their number and that of what limits them are not multiplied.
func (s *beside) held() map[string]string {
	whole := func(a about) about {
		if s.principal[a.principal] {
			a.principal = "" // others may be members of it, or it of others
		}
		return a
	}
	var off [2]limits
	for i, l := range s.off {
		off[i] = limits{}
		for a, key := range l {
			off[i].add(whole(a), key)
		}
	}
	type view struct {
		i    int
		open [3]bool
	}
	views := map[view]limits{}
	out := map[string]string{}
	for key, a := range s.lets {
		a = whole(a)
		for i := range off {
			v := view{i, a.open()}
			if i == 1 && s.asked[key] { // it asks as well
				continue
			}
			if views[v] == nil {
				views[v] = off[i].on(v.open)
			}
			if by := views[v].of(a); by != "" && out[key] == "" {
				out[key] = by
			}
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
