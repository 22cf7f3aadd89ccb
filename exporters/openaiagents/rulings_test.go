package openaiagents

import (
	"fmt"
	"strings"
	"testing"
)

// What the SDKs wrote when a person answered a call of another kind of tool: a tool of a namespace, a
// shell, a hosted MCP server, an agent whose name another has. What was said is read, with its words,
// and what was said of another tool, agent or server is no answer.
func TestRulings(t *testing.T) {
	const (
		pyNamespaced = `{"raw_item": {"type": "function_call", "call_id": "call_1", "name": "delete_file", "namespace": "crm"}, "agent": {"name": "desk"},
			"tool_name": "delete_file", "tool_namespace": "crm", "tool_lookup_key": {"kind": "namespaced", "namespace": "crm", "name": "delete_file"}}`
		pyDeferred = `{"raw_item": {"type": "function_call", "call_id": "call_1", "name": "delete_file", "namespace": "delete_file"}, "agent": {"name": "desk"}, "tool_name": "delete_file",
			"tool_namespace": "delete_file", "tool_lookup_key": {"kind": "deferred_top_level", "name": "delete_file"}}`
		pyBare       = `{"raw_item": {"type": "function_call", "call_id": "call_1", "name": "delete_file"}, "agent": {"name": "desk"}, "tool_name": "delete_file"}`
		pyShell      = `{"raw_item": {"type": "shell_call", "id": "sh_1", "call_id": "call_1", "action": {"commands": ["ls"]}}, "agent": {"name": "desk"}, "tool_name": "shell"}`
		pyTwin       = `{"raw_item": {"type": "function_call", "call_id": "call_1", "name": "delete_file"}, "agent": {"name": "desk", "identity": "desk#2"}, "tool_name": "delete_file"}`
		jsNamespaced = `{"rawItem": {"type": "function_call", "callId": "call_1", "name": "delete_file", "namespace": "crm"}, "agent": {"name": "desk"},
			"toolName": "crm.delete_file", "functionToolStateKey": "[\"namespaced\",\"crm\",\"delete_file\"]"}`
		jsBare  = `{"rawItem": {"type": "function_call", "callId": "call_1", "name": "delete_file"}, "agent": {"name": "desk"}, "toolName": "delete_file", "functionToolStateKey": "[\"bare\",\"delete_file\"]"}`
		jsShell = `{"rawItem": {"type": "shell_call", "callId": "call_1", "action": {"commands": ["ls"]}}, "agent": {"name": "desk"}, "toolName": "shell"}`
		jsMCP   = `{"rawItem": {"type": "hosted_tool_call", "name": "ask", "id": "mcpr_1", "providerData": {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "wiki", "name": "ask"}},
			"agent": {"name": "desk"}, "toolName": "ask"}`
		always, never = `{"approved": true, "rejected": []}`, `{"approved": false, "rejected": true, "rejection_messages": {"call_0": "no"}, "sticky_rejection_message": "never"}`
		neverJS       = `{"approved": false, "rejected": true, "messages": {"call_0": "no", "mcpr_1": "not this"}, "stickyRejectMessage": "never"}`
	)
	python := func(agent, tool, said string) string {
		return fmt.Sprintf(`{"function_tool_approvals": [{"agent": {%s}, "tool_key": %q, "decision": %s}]}`, agent, tool, said)
	}
	js := func(agent, tool, said string) string {
		return fmt.Sprintf(`{"functionApprovals": [{"agentIdentity": %q, "approvals": {%q: %s}}]}`, agent, tool, said)
	}
	this, notThis := `{"approved": ["call_1"], "rejected": []}`, `{"approved": false, "rejected": ["call_1"], "messages": {"call_1": "not this"}}`
	desk, yes, no := `"name": "desk"`, `{"approved":true}`, `{"approved":false,"message":"never"}`
	for name, c := range map[string]struct{ call, context, want string }{
		"Python, a tool of a namespace":    {pyNamespaced, python(desk, "crm.delete_file", always), yes},
		"Python, never":                    {pyNamespaced, python(desk, "crm.delete_file", never), no},
		"Python, outside of the namespace": {pyNamespaced, python(desk, "delete_file", always), ""},
		"Python, under its bare name too":  {pyNamespaced[:len(pyNamespaced)-1] + `, "allow_bare_name_alias": true}`, python(desk, "delete_file", always), yes},
		"Python, a tool that is searched":  {pyDeferred, python(desk, "deferred_top_level:delete_file", always), yes},
		"Python, a shell, never":           {pyShell, `{"approvals": {"shell": ` + never + `}}`, no},
		"Python, the agent itself":         {pyTwin, python(`"name": "desk", "identity": "desk#2"`, "delete_file", always), yes},
		"Python, another of the same name": {pyTwin, python(desk, "delete_file", always), ""},
		"Python, once yes, never by its agent": {pyBare, `{"approvals": {"delete_file": {"approved": ["call_1"], "rejected": []}},
			"function_tool_approvals": [{"agent": {"name": "desk"}, "tool_key": "delete_file", "decision": ` + never + `}]}`, no},
		"Python, kept by an older release":  {pyBare, `{"approvals": {"delete_file": ` + always + `}}`, ""}, // it asks again
		"Python, once, by an older release": {pyBare, `{"approvals": {"delete_file": ` + this + `}}`, yes},
		// It was rejected, then every call was approved: that is kept under the tool's own name alone.
		"Python, its own name before the bare one": {pyNamespaced[:len(pyNamespaced)-1] + `, "allow_bare_name_alias": true}`, `{"function_tool_approvals": [
			{"agent": {"name": "desk"}, "tool_key": "delete_file", "decision": ` + notThis + `}, {"agent": {"name": "desk"}, "tool_key": "crm.delete_file", "decision": ` + always + `}]}`, yes},
		"JavaScript, a shell": {jsShell, `{"approvals": {"shell": ` + this + `}, "approvalInvocations": [{"agentIdentity": "desk", "approvals": {"shell": ` + this + `}}]}`, yes},
		// Both agents made a call of this id; what was said of one stands in the list of all, too.
		"JavaScript, a shell of another agent": {jsShell, `{"approvals": {"shell": ` + this + `}, "approvalInvocations": [{"agentIdentity": "expert", "approvals": {"shell": ` + this + `}}]}`, ""},
		"JavaScript, a shell of both": {jsShell, `{"approvals": {"shell": ` + this + `}, "approvalInvocations": [
			{"agentIdentity": "expert", "approvals": {"shell": ` + this + `}}, {"agentIdentity": "desk", "approvals": {"shell": ` + notThis + `}}]}`, `{"approved":false,"message":"not this"}`},
		"JavaScript, a shell, never":            {jsShell, `{"approvals": {"shell": ` + neverJS + `}, "approvalInvocations": []}`, no},
		"JavaScript, a shell, an older release": {jsShell, `{"approvals": {"shell": ` + this + `}}`, yes},
		"JavaScript, a tool of a namespace":     {jsNamespaced, js("desk", `["namespaced","crm","delete_file"]`, always), yes},
		"JavaScript, never":                     {jsNamespaced, js("desk", `["namespaced","crm","delete_file"]`, neverJS), no},
		"JavaScript, another namespace":         {jsNamespaced, js("desk", `["namespaced","erp","delete_file"]`, always), ""},
		"JavaScript, no namespace":              {jsBare, js("desk", `["namespaced","crm","delete_file"]`, always), ""},
		"JavaScript, another agent":             {jsBare, js("expert", `["bare","delete_file"]`, always), ""},
		"JavaScript, an older release":          {jsBare, `{"approvals": {"delete_file": ` + neverJS + `}}`, no},
		"JavaScript, a hosted server":           {jsMCP, `{"hostedMcpApprovals": {"[\"hosted_mcp\",\"wiki\",\"ask\"]": ` + always + `}}`, yes},
		"JavaScript, never, with words":         {jsMCP, `{"hostedMcpApprovals": {"[\"hosted_mcp\",\"wiki\",\"ask\"]": ` + neverJS + `}}`, `{"approved":false,"message":"not this"}`},
		"JavaScript, another server":            {jsMCP, `{"hostedMcpApprovals": {"[\"hosted_mcp\",\"docs\",\"ask\"]": ` + always + `}}`, ""},
		"Python, a call of another agent":       {pyTwin, python(desk, "delete_file", this), ""},
		"Python, this call of this agent":       {pyTwin, python(`"name": "desk", "identity": "desk#2"`, "delete_file", this), yes},
		"JavaScript, a call of another":         {jsBare, js("expert", `["bare","delete_file"]`, this), ""},
		"JavaScript, resumed, an older":         {jsBare, `{"approvals": {}, "legacyFunctionApprovals": {"delete_file": ` + notThis + `}}`, `{"approved":false,"message":"not this"}`},
		"JavaScript, its agent said no": {jsBare, `{"legacyFunctionApprovals": {"delete_file": ` + always + `},
			"functionApprovals": [{"agentIdentity": "desk", "approvals": {"delete_file": ` + neverJS + `}}]}`, no},
		"JavaScript, once yes, never else": {jsBare, `{"legacyFunctionApprovals": {"delete_file": ` + this + `},
			"functionApprovals": [{"agentIdentity": "desk", "approvals": {"delete_file": ` + neverJS + `}}]}`, yes},
		// Every request of the server's tool was approved after this one was rejected: real 0.24.0 approves it.
		"Python, a hosted server, what programs ask for is older": {`{"raw_item": {"type": "mcp_approval_request", "id": "mcpr_1", "server_label": "wiki", "name": "ask"}, "agent": {"name": "desk"}}`, `{"hosted_mcp_approvals": [
			{"identity": {"type": "server_tool", "server_label": "wiki", "tool_name": "ask"}, "decision": ` + always + `},
			{"identity": {"type": "query", "tool_name": "ask", "request_id": "mcpr_1"}, "decision": {"approved": [], "rejected": ["mcpr_1"]}}]}`, yes},
		"both, under two names":   {jsBare, `{"approvals": {"a": ` + notThis + `, "b": ` + this + `, "c": ` + notThis + `, "d": ` + notThis + `}}`, yes},
		"JavaScript, one request": {jsMCP, `{"hostedMcpApprovals": {"[\"hosted_mcp_request\",\"wiki\",\"ask\",\"mcpr_1\"]": ` + always + `}}`, yes},
	} {
		d, err := readRunState([]byte(`{"$schemaVersion": "1.21", "context": ` + c.context + `, "current_step": {"data": {"interruptions": [` + c.call + `]}}}`))
		if err != nil || len(d.waiting) != 1 {
			t.Fatalf("%s: %+v %v", name, d, err)
		}
		if got := string(d.waiting[0].answer); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// Releases of older schemas heed what was said of every call of a tool before what was said of one: states that they wrote, of a call
// that was rejected after every one was approved, and approved after every one was rejected.
func TestRulingsOfEveryCallFirst(t *testing.T) {
	const (
		python  = `"current_step": {"data": {"interruptions": [{"type": "tool_approval_item", "agent": {"name": "function"}, "raw_item": {"type": "function_call", "call_id": "call_1", "name": "delete_file"}}]}}`
		js      = `"currentStep": {"data": {"interruptions": [{"type": "tool_approval_item", "agent": {"name": "function"}, "rawItem": {"type": "function_call", "callId": "call_1", "name": "delete_file"}}]}}`
		yesNo   = `{"delete_file": {"approved": true, "rejected": ["call_1"]}}`
		noYes   = `{"delete_file": {"approved": ["call_1"], "rejected": true, "stickyRejectMessage": "never"}}`
		no      = `{"delete_file": {"approved": [], "rejected": ["call_1"]}}`
		scoped  = `, "functionApprovals": [{"agentIdentity": "function", "approvals": `
		yes     = `{"approved":true}`
		refused = `{"approved":false}`
	)
	for _, c := range []struct{ version, step, approvals, want string }{
		{"1.0", python, yesNo, yes},  // 0.8.4
		{"1.15", python, yesNo, yes}, // 0.20.0
		{"1.16", python, yesNo, refused},
		{"1.0", js, yesNo, yes},                         // 0.0.12
		{"1.17", js, `{}` + scoped + yesNo + `}]`, yes}, // 0.14.3
		{"1.17", js, `{}` + scoped + noYes + `}]`, `{"approved":false,"message":"never"}`},
		{"1.17", js, `{}, "legacyFunctionApprovals": {"delete_file": {"approved": true, "rejected": []}}` + scoped + no + `}]`, refused},
		{"1.20", js, `{}` + scoped + yesNo + `}]`, refused}, // 0.17.2
		{"1.20", js, `{}` + scoped + noYes + `}]`, yes},
	} {
		d, err := readRunState([]byte(`{"$schemaVersion": "` + c.version + `", "context": {"approvals": ` + c.approvals + `}, ` + c.step + `}`))
		if err != nil || len(d.waiting) != 1 || d.want != "" {
			t.Fatalf("%+v: %+v %v", c, d, err)
		}
		if got := string(d.waiting[0].answer); got != c.want {
			t.Errorf("%s %.4s: %s: got %s, want %s", c.version, c.step[9:], c.approvals, got, c.want)
		}
	}
}

// Python 0.20.0 and 0.24.0 keep what was said of calls of an agent that is a tool in the run state of that agent, which lies inside
// its caller's, at any depth. What the caller's says of every call of a tool is of the caller's own calls.
func TestRulingsInside(t *testing.T) {
	const (
		call   = `{"raw_item": {"type": "function_call", "call_id": %q, "name": "delete_file"}, "agent": {"name": %q}, "tool_name": "delete_file"}`
		state  = `{"$schemaVersion": "1.21", "current_agent": {"name": %q}, "context": {"approvals": {}, "function_tool_approvals": [%s]}, "current_step": {"data": {"interruptions": [%s]}}, "last_processed_response": {"functions": [%s]}}`
		ruled  = `{"agent": {"name": %q}, "tool_key": "delete_file", "decision": {"approved": [%s], "rejected": [%s]}}`
		within = `{"tool_call": {}, "agent_run_state": %s}`
	)
	one, two, three := fmt.Sprintf(call, "c1", "alpha"), fmt.Sprintf(call, "c1", "beta"), fmt.Sprintf(call, "c3", "beta")
	alpha := fmt.Sprintf(state, "alpha", fmt.Sprintf(ruled, "alpha", `"c1"`, ""), one, "")
	beta := fmt.Sprintf(state, "beta", fmt.Sprintf(ruled, "beta", "", `"c1"`), two+","+three, "")
	middle := fmt.Sprintf(state, "middle", "", one, fmt.Sprintf(within, alpha))
	d, err := readRunState([]byte(fmt.Sprintf(state, "desk", "", one+","+two+","+three, `{"tool_call": {}},`+fmt.Sprintf(within, middle)+","+fmt.Sprintf(within, beta))))
	if err != nil || len(d.waiting) != 3 {
		t.Fatalf("%+v %v", d, err)
	}
	for i, want := range []string{`{"approved":true}`, `{"approved":false}`, ""} {
		if got := string(d.waiting[i].answer); got != want {
			t.Errorf("call %d: got %q, want %q", i+1, got, want)
		}
	}
	older := strings.NewReplacer("1.21", "1.15", "function_tool_approvals", "x", `"approvals": {}`, `"approvals": {"delete_file": {"approved": true, "rejected": []}}`)
	d, err = readRunState([]byte(older.Replace(fmt.Sprintf(state, "desk", "", two, fmt.Sprintf(within, strings.Replace(beta, "approvals", "y", 1))))))
	if err != nil || len(d.waiting) != 1 || d.waiting[0].answer != nil {
		t.Errorf("0.20.0, every call of its caller: %+v %v, want no answer", d, err)
	}
}

// TestRulingsDeep: run states inside of run states are read to a depth: each is read once for every one that it lies in.
func TestRulingsDeep(t *testing.T) {
	const call = `{"raw_item": {"type": "function_call", "call_id": "c", "name": "f"}, "agent": {"name": "in"}, "tool_name": "f"}`
	const said = `{"agent": {"name": "in"}, "tool_key": "f", "decision": {"approved": ["c"], "rejected": []}}`
	for depth, want := range map[int]string{mostInside: `{"approved":true}`, mostInside + 1: ""} {
		state := `{"$schemaVersion": "1.21", "context": {"function_tool_approvals": [` + said + `]}, "current_step": {"data": {"interruptions": [` + call + `]}}}`
		for range depth {
			state = `{"$schemaVersion": "1.21", "context": {}, "current_step": {"data": {"interruptions": [` + call + `]}}, "last_processed_response": {"functions": [{"agent_run_state": ` + state + `}]}}`
		}
		d, err := readRunState([]byte(state))
		if err != nil || len(d.waiting) != 1 || string(d.waiting[0].answer) != want {
			t.Errorf("%d deep: %+v %v, want %q", depth, d, err, want)
		}
	}
}

// TestRunStateOfPython: Python writes numbers that JSON has not.
func TestRunStateOfPython(t *testing.T) {
	doc := []byte(`{"$schemaVersion": "1.21", "current_agent": {"name": "desk"}, "context": {"context": {"budget": Infinity, "rest": -Infinity, "said": "NaN, \"NaN"}},
		"current_step": {"data": {"interruptions": [{"raw_item": {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{\"x\": NaN}", "score": NaN}}]}}}`)
	if all, err := states(doc); err != nil || len(all) != 1 {
		t.Errorf("%d states, %v", len(all), err)
	}
	if _, err := keptIn(doc); err != nil {
		t.Error(err)
	}
	d, err := readRunState(doc)
	if err != nil || len(d.waiting) != 1 || d.waiting[0].call != "c" {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := readRunState([]byte(`{"context": {"budget": Infinite}}`)); err == nil {
		t.Error("what is no number is taken for one")
	}
}
