package openaiagents

import (
	"encoding/json"
	"slices"

	"github.com/exitramp/exitramp/exporters/internal/responses"
)

// A ruling is what a person has said of calls of one tool.
type ruling struct {
	Approved any               `json:"approved"` // a list of calls, or true: every one
	Rejected any               `json:"rejected"`
	Python   map[string]string `json:"rejection_messages"`
	JS       map[string]string `json:"messages"`

	tool, agent, server, request string // of which; an empty agent or server is any
}

// rulings are those of a run's context. Newer releases of both languages keep them for each agent, and
// those of hosted MCP tools for each server and for each request.
func rulings(context json.RawMessage) (out []ruling) {
	var c struct {
		Approvals map[string]ruling `json:"approvals"`
		JS        []struct {
			Approvals map[string]ruling `json:"approvals"`
		} `json:"functionApprovals"`
		Hosted map[string]ruling `json:"hostedMcpApprovals"`
		Python []struct {
			Agent    struct{ Name string } `json:"agent"`
			Tool     string                `json:"tool_key"`
			Decision ruling                `json:"decision"`
		} `json:"function_tool_approvals"`
		PythonHosted []struct {
			Identity struct {
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
		out = append(out, r)
	}
	for name, r := range c.Approvals {
		add(r, name, "", "", "")
	}
	for _, a := range c.JS {
		for name, r := range a.Approvals {
			add(r, toolOf(name), "", "", "")
		}
	}
	for name, r := range c.Hosted {
		add(r, toolOf(name), "", "", name)
	}
	for _, r := range c.Python {
		add(r.Decision, toolOf(r.Tool), r.Agent.Name, "", "")
	}
	for _, r := range c.PythonHosted {
		add(r.Decision, r.Identity.Tool, "", r.Identity.Server, r.Identity.Request)
	}
	return out
}

// toolOf is the name of a tool in the key under which rulings of it stand: the name, or a list whose
// last element is.
func toolOf(key string) string {
	var list []any
	if json.Unmarshal([]byte(key), &list) == nil && len(list) > 0 {
		if s, ok := list[len(list)-1].(string); ok {
			return s
		}
	}
	return key
}

// answer is what was said of a call: of this one, else of every call of its tool.
func answer(all []ruling, a *approval) []byte {
	has := func(v any) bool {
		list, _ := v.([]any)
		return a.call != "" && slices.Contains(list, any(a.call))
	}
	type said struct {
		Approved bool   `json:"approved"`
		Message  string `json:"message,omitempty"`
	}
	var found *said
	for _, r := range all {
		asked := r.request != "" && r.request == a.call
		tool := r.tool != "" && r.tool == a.tool && r.request == "" && (r.agent == "" || r.agent == a.agent) && (r.server == "" || r.server == a.server)
		switch {
		case has(r.Approved), asked && r.Approved == true:
			b, _ := json.Marshal(said{Approved: true})
			return b
		case has(r.Rejected), asked && r.Rejected == true:
			b, _ := json.Marshal(said{Message: r.Python[a.call] + r.JS[a.call]})
			return b
		case tool && r.Approved == true:
			found = &said{Approved: true}
		case tool && r.Rejected == true && found == nil:
			found = &said{}
		}
	}
	if found == nil {
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
