package replay

import (
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
// tools that write files, those for Read for all that read them, those for an MCP server for all of its tools;
// where the name of a server ends is not to be seen, so tools of MCP are not told apart.
func toolsOf(pattern string) string {
	name, _, _ := strings.Cut(pattern, "(")
	switch name = strings.TrimSpace(name); name {
	case "Write", "MultiEdit", "NotebookEdit":
		return "Edit"
	case "Glob", "Grep", "LS", "NotebookRead":
		return "Read"
	}
	switch {
	case strings.HasPrefix(name, "mcp__"):
		return "mcp"
	case strings.ContainsAny(name, "*?["):
		return ""
	}
	return name
}

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
type limits map[about]string

func (l limits) add(a about, key string) {
	for rest := range places {
		first(l, a.with(rest, "*"), key)
	}
	if a.name == "Read" || a.name == "Edit" { // Claude Code asks these of commands, too
		a.name = "Bash"
		l.add(a, key)
	}
}

// of is a limit that may be about some of what a is about; empty: none is.
func (l limits) of(a about) string {
	least, empty := "", a.empty()
	for wide := range places { // each place of the limit says the same as a's, or is empty
		if wide&empty != 0 {
			continue
		}
		if key := l[a.with(empty, "*").with(wide, "")]; key != "" && (least == "" || key < least) {
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
