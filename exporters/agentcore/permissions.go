package agentcore

import (
	"encoding/json"
	"fmt"
	"slices"
)

// actions are the operations that each verb calls; their IAM actions have the same names. A test
// compares them with what is called.
func actions(verb string) [][]string {
	read := []string{"GetMemory", "ListActors", "ListEvents", "ListMemories", "ListMemoryRecords"}
	var define, name []string // all definitions; those that a replay finds by their names
	for _, s := range new(client).sorts() {
		ops := []string{s.op}
		if op := s.operation(); op != "" {
			ops = append(ops, op)
		}
		define = append(define, ops...)
		switch {
		case s.name == "WorkloadIdentity":
			name = append(name, s.operation())
		case s.kind != "opaque" || !s.inside:
			name = append(name, ops...)
		}
	}
	unique := func(ops []string) []string {
		slices.Sort(ops)
		return slices.Compact(ops)
	}
	switch verb {
	case "export":
		return [][]string{append(read, "GetEvent", "ListSessions", "ListTagsForResource"), unique(append(define, "GetResourcePolicy"))}
	case "replay":
		return [][]string{append(read, "BatchCreateMemoryRecords", "CreateEvent", "CreateMemory"), unique(append(name, "CreatePolicy", "CreatePolicyEngine", "CreateWorkloadIdentity", "DeletePolicy"))}
	case "undo":
		return [][]string{{"BatchDeleteMemoryRecords", "DeleteEvent", "DeleteMemory", "GetMemoryRecord", "ListActors", "ListMemoryRecords"},
			{"DeletePolicy", "DeletePolicyEngine", "DeleteWorkloadIdentity", "GetPolicy", "GetPolicyEngine", "ListPolicies"}}
	}
	return nil
}

// implied are actions that the service asks for and that are no operations: of who makes a policy it
// wants that he may make one for this gateway, or for all, and that he may call the gateway, since it
// looks there whether the tools of the policy exist.
func implied(verb string) []string {
	switch verb {
	case "replay":
		return []string{"InvokeGateway", "ManageAdminPolicy", "ManageResourceScopedPolicy"}
	case "undo":
		return []string{"ManageAdminPolicy", "ManageResourceScopedPolicy"}
	}
	return nil
}

// Policy is the least IAM policy for a verb: "export", "replay" or "undo". The first statement is
// about memories. The second, about the definitions of the account, is not needed where the URL
// names one memory; nor is the third, without which no Cedar policy can be made or removed. To ask
// who one is, sts:GetCallerIdentity, needs no permission.
func Policy(verb string) (string, error) {
	as := actions(verb)
	if as == nil {
		return "", fmt.Errorf("agentcore: no permissions are known for %q: there are export, replay and undo", verb)
	}
	if x := implied(verb); x != nil {
		as = append(as, x)
	}
	type statement struct {
		Sid, Effect string
		Action      []string
		Resource    string
	}
	doc := struct {
		Version   string
		Statement []statement
	}{Version: "2012-10-17"}
	for i, a := range as {
		s := statement{Sid: [...]string{"Memories", "Definitions", "CedarPolicies"}[i], Effect: "Allow", Resource: "*"}
		for _, x := range a {
			s.Action = append(s.Action, "bedrock-agentcore:"+x)
		}
		doc.Statement = append(doc.Statement, s)
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	return string(b) + "\n", err
}
