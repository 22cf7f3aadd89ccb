package replay

import (
	"iter"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// about is what a grant is about, as far as two can be told apart by it. Many grants are about the same.
type about struct {
	principal, tool string // keys; empty: any
	name            string // of the tools that a pattern names; empty: any
}

func aboutOf(g *pb.ToolGrant) about {
	a := about{principal: g.PrincipalKey, tool: g.ToolKey}
	if g.PatternDialect == "claude-code" { // of other dialects a pattern may be a whole policy
		a.name = toolsOf(g.Pattern)
	}
	return a
}

// toolsOf is the name for the tools that a pattern of Claude Code is about. Its rules for Edit hold for all
// tools that write files, those for Read for all that read them. Of tools of MCP it is as much as says which they are:
// see above.
func toolsOf(pattern string) string {
	name, _, _ := strings.Cut(pattern, "(")
	switch name = strings.TrimSpace(name); name {
	case "Write", "MultiEdit", "NotebookEdit":
		return "Edit"
	case "Glob", "Grep", "LS", "NotebookRead":
		return "Read"
	}
	switch {
	case strings.HasPrefix(name, mcpPrefix):
		return toolsOfMCP(name)
	case strings.ContainsAny(name, "*?["):
		return ""
	}
	return name
}

const mcpPrefix = "mcp__"

// mostSteps is how many pieces of the name of a tool of MCP are looked at: longer ones are all of one.
const mostSteps = 16

// toolsOfMCP is name up to where it leaves open what follows.
func toolsOfMCP(name string) string {
	if i := strings.IndexAny(name, "*?["); i >= 0 {
		name = name[:strings.LastIndex(name[:i], "__")] // there is one: the prefix has it
		name = strings.TrimRight(name, "_")             // of mcp__a___* some are tools of a
	}
	for n, up := range above(name) {
		if n == mostSteps {
			return up
		}
	}
	return name
}

// above yields the names that hold for a tool of MCP, too: mcp__a__b is a tool b of the server a, or all tools of a
// server a__b; where the name of a server ends is not to be seen. Nor is it where that ends in _: mcp__a_ may share
// mcp__a___b with mcp__a.
func above(name string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		if !strings.HasPrefix(name, mcpPrefix) {
			return
		}
		n := 0
		for i := range len(name) {
			if rest := name[i:]; strings.HasPrefix(rest, "__") || rest == "_" {
				if !yield(n, name[:i]) {
					return
				}
				n++
			}
		}
	}
}

// below stands behind a name for all that it is above of.
const below = "__…"

// with is a with s in those of its places that mask names.
func (a about) with(mask int, s string) about {
	for i, place := range []*string{&a.principal, &a.tool, &a.name} {
		if mask>>i&1 == 1 {
			*place = s
		}
	}
	return a
}

// empty are the places of a that are.
func (a about) empty() int {
	mask := 0
	for i, s := range []string{a.principal, a.tool, a.name} {
		if s == "" {
			mask |= 1 << i
		}
	}
	return mask
}

// places is all combinations of the places of an about.
const places = 1 << 3

// limits are grants that may not be let through without others, each with a key. They are found by what they
// are about, and by each part of it: "*", which is no key and no name, stands for the rest. So many grants are
// not compared with each of many limits.
type limits struct {
	by    map[about]string
	steps int // entries and look-ups
}

func newLimits() *limits { return &limits{by: map[about]string{}} }

func (l *limits) add(a about, key string) {
	names := []string{a.name}
	for _, up := range above(a.name) {
		names = append(names, up+below)
	}
	for _, a.name = range names {
		for rest := range places {
			l.steps++
			first(l.by, a.with(rest, "*"), key)
		}
	}
	if a.name = names[0]; a.name == "Read" || a.name == "Edit" { // Claude Code asks these of commands, too
		a.name = "Bash"
		l.add(a, key)
	}
}

// of is a limit that may be about some of what a is about; empty: none is.
func (l *limits) of(a about) string {
	names := []string{a.name}
	if a.name != "" {
		names = append(names, a.name+below)
	}
	for _, up := range above(a.name) {
		names = append(names, up)
	}
	least := ""
	for _, a.name = range names {
		if key := l.named(a); key != "" && (least == "" || key < least) {
			least = key
		}
	}
	return least
}

// named is of for limits of the very name that a has.
func (l *limits) named(a about) string {
	least, empty := "", a.empty()
	for wide := range places { // each place of the limit says the same as a's, or is empty
		if wide&empty != 0 {
			continue
		}
		l.steps++
		if key := l.by[a.with(empty, "*").with(wide, "")]; key != "" && (least == "" || key < least) {
			least = key
		}
	}
	return least
}

// first keeps, of the keys of what is about a, one that is always the same.
func first(of map[about]string, a about, key string) {
	if of[a] == "" || key < of[a] {
		of[a] = key
	}
}
