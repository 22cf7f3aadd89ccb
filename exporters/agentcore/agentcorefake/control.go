package agentcorefake

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// shelf holds the definitions of one sort, by id, as they are answered.
type shelf struct{ docs []map[string]any }

// sorts says where the definitions of an operation's name are kept, what their id is called there and
// in a request, and which member of a request says what they are inside of.
var sorts = map[string]struct{ list, id, label, parent string }{
	"WorkloadIdentity":           {"workloadIdentities", "name", "name", ""},
	"Oauth2CredentialProvider":   {"credentialProviders", "name", "name", ""},
	"ApiKeyCredentialProvider":   {"credentialProviders", "name", "name", ""},
	"Gateway":                    {"items", "gatewayId", "gatewayIdentifier", ""},
	"GatewayTarget":              {"items", "targetId", "targetId", "gatewayIdentifier"},
	"GatewayRule":                {"gatewayRules", "ruleId", "ruleId", "gatewayIdentifier"},
	"GatewayRateLimit":           {"rateLimits", "rateLimitId", "rateLimitId", "gatewayIdentifier"},
	"PolicyEngine":               {"policyEngines", "policyEngineId", "policyEngineId", ""},
	"Policy":                     {"policies", "policyId", "policyId", "policyEngineId"},
	"Harness":                    {"harnesses", "harnessId", "harnessId", ""},
	"HarnessEndpoint":            {"endpoints", "endpointName", "endpointName", "harnessId"},
	"HarnessVersion":             {"harnessVersions", "harnessVersion", "harnessVersion", "harnessId"},
	"AgentRuntime":               {"agentRuntimes", "agentRuntimeId", "agentRuntimeId", ""},
	"AgentRuntimeEndpoint":       {"runtimeEndpoints", "name", "endpointName", "agentRuntimeId"},
	"AgentRuntimeVersion":        {"agentRuntimes", "agentRuntimeVersion", "agentRuntimeVersion", "agentRuntimeId"},
	"Browser":                    {"browserSummaries", "browserId", "browserId", ""},
	"BrowserProfile":             {"profileSummaries", "profileId", "profileId", ""},
	"CodeInterpreter":            {"codeInterpreterSummaries", "codeInterpreterId", "codeInterpreterId", ""},
	"CapacityProvider":           {"capacityProviders", "capacityProviderId", "capacityProviderId", ""},
	"Evaluator":                  {"evaluators", "evaluatorId", "evaluatorId", ""},
	"OnlineEvaluationConfig":     {"onlineEvaluationConfigs", "onlineEvaluationConfigId", "onlineEvaluationConfigId", ""},
	"ConfigurationBundle":        {"bundles", "bundleId", "bundleId", ""},
	"ConfigurationBundleVersion": {"versions", "versionId", "versionId", "bundleId"},
	"Dataset":                    {"datasets", "datasetId", "datasetId", ""},
	"DatasetVersion":             {"versions", "datasetVersion", "datasetVersion", "datasetId"},
	"DatasetExample":             {"examples", "", "", "datasetId"},
	"ConsentPortal":              {"consentPortals", "consentPortalId", "consentPortalIdentifier", ""},
	"Registry":                   {"registries", "registryId", "registryId", ""},
	"RegistryRecord":             {"registryRecords", "recordId", "recordId", "registryId"},
	"PaymentCredentialProvider":  {"credentialProviders", "name", "name", ""},
	"PaymentManager":             {"paymentManagers", "paymentManagerId", "paymentManagerId", ""},
	"PaymentConnector":           {"paymentConnectors", "paymentConnectorId", "paymentConnectorId", "paymentManagerId"},
}

// Put puts a definition there as another program would have made it. sort is as in the names of
// operations: "Gateway", "Policy"; parent is the gateway or the policy engine, or empty.
func (s *Server) Put(sort, parent string, doc map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shelf(sort, parent).docs = append(s.shelf(sort, parent).docs, doc)
}

func (s *Server) shelf(sort, parent string) *shelf {
	k := sort + "|" + parent
	if s.things[k] == nil {
		s.things[k] = &shelf{}
	}
	return s.things[k]
}

// control answers for definitions: they are lists and documents, and nothing runs.
func (s *Server) control(r *request) (any, error) {
	plural := map[string]string{"Policies": "Policy", "WorkloadIdentities": "WorkloadIdentity", "Harnesses": "Harness", "Registries": "Registry"}
	switch r.op {
	case "ListTagsForResource":
		return s.beside("Tags", r)
	case "GetResourcePolicy":
		return s.beside("ResourcePolicy", r)
	}
	if name, ok := strings.CutPrefix(r.op, "List"); ok {
		sort := strings.TrimSuffix(name, "s")
		if p, ok := plural[name]; ok {
			sort = p
		}
		at := sorts[sort]
		s.sweep(s.shelf(sort, s.parent(sort, r)))
		docs, next, err := page(s, r, s.shelf(sort, s.parent(sort, r)).docs, func(d map[string]any) string {
			if at.id == "" {
				return fmt.Sprint(d)
			}
			return d[at.id].(string)
		}, 20, 1000)
		out := []any{}
		for _, d := range docs {
			out = append(out, s.cut(at.list, r.op, s.shownAs(d)))
		}
		return listed(map[string]any{at.list: out}, next), err
	}
	switch r.op {
	case "CreateWorkloadIdentity", "DeleteWorkloadIdentity":
		return s.workloadIdentity(r)
	case "CreatePolicyEngine", "CreatePolicy", "UpdatePolicy", "DeletePolicy", "DeletePolicyEngine":
		return s.policyOp(r)
	}
	name, get := strings.CutPrefix(r.op, "Get")
	for _, sort := range []string{"HarnessVersion", "AgentRuntimeVersion", "DatasetVersion"} {
		if name+"Version" == sort && r.str(sorts[sort].label) != "" {
			name = sort
		}
	}
	at, ok := sorts[name]
	if !get || !ok {
		return nil, &apiError{status: 404, typ: "UnknownOperationException", msg: r.op}
	}
	s.sweep(s.shelf(name, s.parent(name, r)))
	docs := s.shelf(name, s.parent(name, r)).docs
	i := slices.IndexFunc(docs, func(d map[string]any) bool { return d[at.id] == r.str(at.label) })
	if i < 0 {
		return nil, notFound("%s not found", name)
	}
	switch name {
	case "Harness", "HarnessVersion":
		return map[string]any{"harness": docs[i]}, nil
	case "HarnessEndpoint":
		return map[string]any{"endpoint": docs[i]}, nil
	}
	return s.shownAs(docs[i]), nil
}

func (s *Server) workloadIdentity(r *request) (any, error) {
	sh := s.shelf("WorkloadIdentity", "")
	i := slices.IndexFunc(sh.docs, func(d map[string]any) bool { return d["name"] == r.str("name") })
	switch {
	case r.op == "DeleteWorkloadIdentity" && i < 0:
		return nil, notFound("WorkloadIdentity not found")
	case r.op == "DeleteWorkloadIdentity":
		sh.docs = slices.Delete(sh.docs, i, i+1)
		return map[string]any{}, nil
	case i >= 0:
		return nil, invalid("WorkloadIdentity already exists")
	}
	now := stamp(s.o.Now())
	d := map[string]any{"name": r.str("name"), "createdTime": now, "lastUpdatedTime": now,
		"workloadIdentityArn": fmt.Sprintf("arn:aws:bedrock-agentcore:%s:%s:workload-identity-directory/default/workload-identity/%s", s.o.Region, s.o.Account, r.str("name"))}
	if v, ok := r.body["allowedResourceOauth2ReturnUrls"]; ok {
		d["allowedResourceOauth2ReturnUrls"] = v
	}
	sh.docs = append(sh.docs, d)
	out := maps.Clone(d)
	delete(out, "createdTime")
	delete(out, "lastUpdatedTime")
	return out, nil
}

func (s *Server) parent(sort string, r *request) string {
	if p := sorts[sort].parent; p != "" {
		return r.labels[p]
	}
	return ""
}

// Tag gives a resource tags, as TagResource does.
func (s *Server) Tag(arn string, tags map[string]string) {
	s.Put("Tags", arn, map[string]any{"tags": tags})
}

// Guard gives a resource a policy of its own.
func (s *Server) Guard(arn, policy string) {
	s.Put("ResourcePolicy", arn, map[string]any{"policy": policy})
}

// beside answers for what belongs to a resource and is not in its definition.
func (s *Server) beside(sort string, r *request) (any, error) {
	docs := s.shelf(sort, r.str("resourceArn")).docs
	switch {
	case len(docs) > 0:
		return docs[len(docs)-1], nil
	case sort == "Tags":
		return map[string]any{"tags": map[string]any{}}, nil
	}
	return nil, notFound("no policy")
}

// cut leaves of d what the model says that a listing has.
func (s *Server) cut(list, op string, d map[string]any) map[string]any {
	out := maps.Clone(d)
	e := s.model.Shapes["c."+op+"Output"].Members[list]
	item, known := s.model.Shapes[s.model.Shapes[e.Target].Members["member"].Target]
	if !known { // a document
		return out
	}
	for k := range out {
		if _, ok := item.Members[k]; !ok {
			delete(out, k)
		}
	}
	return out
}

// String names the service for people.
func (s *Server) String() string { return fmt.Sprintf("agentcore fake %s/%s", s.o.Account, s.o.Region) }
