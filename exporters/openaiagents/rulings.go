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

// answer is what was said of a call, as releases that write its schema heed it: of this one, else of every call of its tool; in
// older ones the other way round. What was said of calls of
// its agent counts before what older releases kept for all agents, and yes before no. In JavaScript what those
// kept of this one call counts before what its agent's record says of every call; two agents may have calls
// of one id.
func answer(all []ruling, a *approval) []byte {
	type said struct {
		Approved bool   `json:"approved"`
		Message  string `json:"message,omitempty"`
	}
	var found said
	best, this, every, agents := 0, 5, 1, 4
	if a.blanket {
		this, every, agents = 1, 5, 10 // what is kept for its agent is asked first
	}
	for _, r := range all {
		if r.agent != "" && r.agent != a.by {
			continue
		}
		asked := r.request != "" && r.request == a.call
		tool := r.tool != "" && r.request == "" && slices.Contains(a.tools, r.tool) && (r.server == "" || r.server == a.server)
		rank := func(v any) int { // 0: it says nothing of the call
			if list, _ := v.([]any); a.call != "" && slices.Contains(list, any(a.call)) && (a.function || !r.shared) || asked && v == true {
				return this
			} else if tool && v == true && (r.first || !a.owned) {
				return every
			}
			return 0
		}
		yes, no := rank(r.Approved), rank(r.Rejected)
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
		best, found = n, said{Approved: yes >= no}
		if !found.Approved {
			if found.Message = r.Python[a.call] + r.JS[a.call]; found.Message == "" && r.Rejected == true {
				found.Message = r.PythonAll + r.JSAll
			}
		}
	}
	if best == 0 {
		return nil
	}
	b, _ := json.Marshal(found)
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
