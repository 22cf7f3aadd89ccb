package openaiagents

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/exporters/internal/responses"
)

// A ruling is what a person has said of calls of one tool.
type ruling struct {
	Approved any               `json:"approved"` // a list of calls, or true: every one
	Rejected any               `json:"rejected"`
	Python   map[string]string `json:"rejection_messages"`
	JS       map[string]string `json:"messages"`
	// What is said to every call of a tool that is rejected for good.
	PythonAll string `json:"sticky_rejection_message"`
	JSAll     string `json:"stickyRejectMessage"`

	tool, agent, server, request string // of which; an empty agent or server is any
	first                        bool   // of an agent in Python, which asks it before all that is kept for all agents
	shared                       bool   // of all agents in JavaScript, which keeps what is said of single calls for each
}

// rulings are those of a run's context. Newer releases of both languages keep them for each agent, and
// those of hosted MCP tools for each server and for each request.
func rulings(context json.RawMessage) (out []ruling) {
	var c struct {
		Approvals map[string]ruling `json:"approvals"`
		JS        []struct {
			Agent     string            `json:"agentIdentity"`
			Approvals map[string]ruling `json:"approvals"`
		} `json:"functionApprovals"`
		JSOld  map[string]ruling `json:"legacyFunctionApprovals"`
		JSCall []struct {
			Agent     string            `json:"agentIdentity"`
			Approvals map[string]ruling `json:"approvals"`
		} `json:"approvalInvocations"` // of tools that are no functions
		Hosted map[string]ruling `json:"hostedMcpApprovals"`
		Python []struct {
			Agent    agentName `json:"agent"`
			Tool     string    `json:"tool_key"`
			Decision ruling    `json:"decision"`
		} `json:"function_tool_approvals"`
		PythonHosted []struct {
			Identity struct {
				Type    string `json:"type"`
				Server  string `json:"server_label"`
				Tool    string `json:"tool_name"`
				Request string `json:"request_id"`
			} `json:"identity"`
			Decision ruling `json:"decision"`
		} `json:"hosted_mcp_approvals"`
	}
	json.Unmarshal(context, &c)
	add := func(r ruling, tool, agent, server, request string) {
		r.tool, r.agent, r.server, r.request = tool, agent, server, request
		r.shared = agent == "" && c.JSCall != nil
		out = append(out, r)
	}
	for _, of := range []map[string]ruling{c.Approvals, c.JSOld} {
		for _, name := range sorted(of) {
			add(of[name], toolOf(name), "", "", "")
		}
	}
	for _, a := range append(c.JS, c.JSCall...) {
		for _, name := range sorted(a.Approvals) {
			add(a.Approvals[name], toolOf(name), a.Agent, "", "")
		}
	}
	for _, name := range sorted(c.Hosted) {
		r, key := c.Hosted[name], []string(nil)
		switch json.Unmarshal([]byte(name), &key); len(key) {
		case 3: // "hosted_mcp", server, tool
			add(r, key[2], "", key[1], "")
		case 4: // "hosted_mcp_request", server, tool, request
			add(r, key[2], "", key[1], key[3])
		default:
			add(r, "", "", "", name)
		}
	}
	for _, r := range c.Python {
		r.Decision.first = true
		add(r.Decision, toolOf(r.Tool), r.Agent.id(), "", "")
	}
	for _, r := range c.PythonHosted {
		if r.Identity.Type == "query" { // what programs ask for: the SDK never runs a call by it, and it may be older
			continue
		}
		add(r.Decision, r.Identity.Tool, "", r.Identity.Server, r.Identity.Request)
	}
	return out
}

// An agentName is how a run state speaks of an agent. Of two of one name, one has an identity too.
type agentName struct {
	Name     string `json:"name"`
	Identity string `json:"identity"`
}

func (a agentName) id() string {
	if a.Identity != "" {
		return a.Identity
	}
	return a.Name
}

// toolOf is the tool in the key under which rulings of it stand: its name, behind that of its
// namespace if it has one.
func toolOf(key string) string {
	var list []string
	if json.Unmarshal([]byte(key), &list) == nil && len(list) > 1 { // "bare", name; "namespaced", namespace, name
		return strings.Join(list[1:], ".")
	}
	return strings.TrimPrefix(key, "deferred_top_level:")
}

// tools are the names under which rulings of the call i stand.
func tools(i, raw responses.Object) (out []string) {
	name := responses.Plain(responses.First(i, "tool_name", "toolName"))
	if name == "" {
		name = responses.Plain(raw["name"])
	}
	space := responses.Plain(responses.First(i, "tool_namespace", "toolNamespace"))
	if space == "" {
		space = responses.Plain(raw["namespace"])
	}
	switch key := responses.Plain(i["functionToolStateKey"]); {
	case key != "":
		out = []string{toolOf(key)}
	case space != "" && space != name && !strings.HasPrefix(name, space+"."): // its own name: loaded when it is searched for
		out = []string{space + "." + name}
	default:
		return []string{name}
	}
	if string(i["allow_bare_name_alias"]) == "true" {
		out = append(out, name)
	}
	return out
}

// ruled finds rulings by what they are of: a run may wait with very many calls.
type ruled struct {
	all    []ruling
	listed map[[2]string][]named // those that name a call, by agent and call
	asked  map[string][]int      // those of one request
	every  map[[3]string][]int   // those of every call, by agent, tool and server: the first of each kind, as ties go to the first
}

// A named call is in one of the lists of a ruling.
type named struct {
	ruling int
	no     bool
}

// index makes the index of all.
func index(all []ruling) *ruled {
	x := &ruled{all, map[[2]string][]named{}, map[string][]int{}, map[[3]string][]int{}}
	type sort struct {
		of             [3]string
		first, yes, no bool
	}
	seen := map[sort]bool{}
	for i := range all {
		r := &all[i]
		for no, v := range []any{r.Approved, r.Rejected} {
			list, _ := v.([]any)
			for _, call := range list {
				if id, ok := call.(string); ok {
					x.listed[[2]string{r.agent, id}] = append(x.listed[[2]string{r.agent, id}], named{i, no == 1})
				}
			}
		}
		one := sort{[3]string{r.agent, r.tool, r.server}, r.first, r.Approved == true, r.Rejected == true}
		switch {
		case !one.yes && !one.no:
		case r.request != "":
			x.asked[r.request] = append(x.asked[r.request], i)
		case r.tool != "" && !seen[one]:
			seen[one] = true
			x.every[one.of] = append(x.every[one.of], i)
		}
	}
	return x
}

// about are the rulings that may say something of a call, in their order, and which of their lists name it: of approved calls, of
// rejected ones.
func (x *ruled) about(a *approval) (found []int, lists map[int][2]bool) {
	lists = map[int][2]bool{}
	for _, agent := range []string{"", a.by} {
		for _, l := range x.listed[[2]string{agent, a.call}] {
			in := lists[l.ruling]
			in[0], in[1] = in[0] || !l.no, in[1] || l.no
			lists[l.ruling], found = in, append(found, l.ruling)
		}
		for _, tool := range a.tools {
			for _, server := range []string{"", a.server} {
				found = append(found, x.every[[3]string{agent, tool, server}]...)
			}
		}
	}
	found = append(found, x.asked[a.call]...)
	slices.Sort(found)
	return slices.Compact(found), lists
}

// answer is what was said of a call, as releases that write its schema heed it: of this one, else of every call of its tool; in
// older ones the other way round. What was said of calls of
// its agent counts before what older releases kept for all agents, and yes before no. In JavaScript what those
// kept of this one call counts before what its agent's record says of every call; two agents may have calls
// of one id.
func answer(x *ruled, a *approval) []byte {
	type said struct {
		Approved bool   `json:"approved"`
		Message  string `json:"message,omitempty"`
	}
	var says said
	best, this, every, agents := 0, 5, 1, 4
	if a.blanket {
		this, every, agents = 1, 5, 10 // what is kept for its agent is asked first
	}
	found, lists := x.about(a)
	for _, i := range found {
		r := &x.all[i]
		if r.agent != "" && r.agent != a.by {
			continue
		}
		asked := r.request != "" && r.request == a.call
		tool := r.tool != "" && r.request == "" && slices.Contains(a.tools, r.tool) && (r.server == "" || r.server == a.server)
		rank := func(v any, listed bool) int { // 0: it says nothing of the call
			if a.call != "" && listed && (a.function || !r.shared) || asked && v == true {
				return this
			} else if tool && v == true && (r.first || !a.owned) {
				return every
			}
			return 0
		}
		yes, no := rank(r.Approved, lists[i][0]), rank(r.Rejected, lists[i][1])
		n := max(2*yes, 2*no-1)
		switch {
		case n == 0:
		case r.first:
			n += 10
		case r.agent != "":
			n += agents
		}
		if n > 0 && len(a.tools) > 1 && r.tool == a.tools[0] {
			n += 20 // its own name before the bare one
		}
		if n <= best {
			continue
		}
		best, says = n, said{Approved: yes >= no}
		if !says.Approved {
			if says.Message = r.Python[a.call] + r.JS[a.call]; says.Message == "" && r.Rejected == true {
				says.Message = r.PythonAll + r.JSAll
			}
		}
	}
	if best == 0 {
		return nil
	}
	b, _ := json.Marshal(says)
	return b
}

// serverOf is the label of the hosted MCP server that a call goes to; empty: to none.
func serverOf(raw responses.Object) string {
	if s := responses.Plain(responses.First(raw, "server_label", "serverLabel")); s != "" {
		return s
	}
	var data responses.Object
	json.Unmarshal(responses.First(raw, "providerData", "provider_data"), &data)
	return responses.Plain(responses.First(data, "server_label", "serverLabel"))
}
