package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// A sort is one sort of definition: how it is listed, and how one is read whole.
type sort struct {
	name, op, list, id string
	label              string   // member that holds its name; empty: "name"
	kind               string   // of its records
	also               []string // kinds that are read by way of it
	size               int32    // greatest page
	page               func(ctx context.Context, parent string, size int32, token *string) error
	get                func(ctx context.Context, parent, id string) error
	put                func(r *reading, parent, id string, doc json.RawMessage) error
	below              string // sort that is inside of it
	wrapped            string // member of the answer that holds the definition
}

// control reads the definitions of the account: identities, credential providers, gateways with
// their targets, policy engines with their policies, harnesses and agent runtimes. Nothing is in
// them that is a secret; what could be one is taken out and becomes a reference.
func (r *reading) control(ctx context.Context) error {
	sorts := r.c.sorts()
	for _, s := range sorts {
		if s.name == "GatewayTarget" || s.name == "Policy" {
			continue
		}
		if err := r.definitions(ctx, sorts, s, ""); err != nil || !r.e.OK() {
			return err
		}
	}
	return nil
}

func (r *reading) definitions(ctx context.Context, sorts []sort, s sort, parent string) error {
	_, again, odd, err := twiceOf(s, func(size int32, each func(json.RawMessage) error) error {
		return r.c.list(ctx, s, parent, size, each)
	}, func(id string) error {
		doc, err := r.c.get(ctx, s, parent, id)
		if err != nil {
			return r.gap(s.kind, s.name+"/"+id, err, s.also...)
		}
		if err := s.put(r, parent, id, doc); errors.Is(err, ErrSchema) {
			return r.gap(s.kind, s.name+"/"+id, err, s.also...)
		} else if err != nil {
			return err
		}
		if i := slices.IndexFunc(sorts, func(x sort) bool { return x.name == s.below }); i >= 0 {
			return r.definitions(ctx, sorts, sorts[i], id)
		}
		return nil
	})
	if odd != "" {
		r.pos.Odd[s.kind] = s.op + ": " + odd
	}
	r.pos.Relisted[s.kind] += uint64(again)
	if err != nil {
		return r.gap(s.kind, strings.Trim(s.op+"/"+parent, "/"), err, s.also...)
	}
	return nil
}

// list calls each for every definition of a sort.
func (c *client) list(ctx context.Context, s sort, parent string, size int32, each func(json.RawMessage) error) error {
	return pages(size, s.op, s.list, each, func(n int32, t *string) ([]byte, error) {
		return c.call(ctx, s.op, func(ctx context.Context) error { return s.page(ctx, parent, n, t) })
	})
}

// get is one definition, whole.
func (c *client) get(ctx context.Context, s sort, parent, id string) (json.RawMessage, error) {
	doc, err := c.call(ctx, "Get"+s.name, func(ctx context.Context) error { return s.get(ctx, parent, id) })
	if err != nil || s.wrapped == "" {
		return doc, err
	}
	var w map[string]json.RawMessage
	if err := json.Unmarshal(doc, &w); err != nil || w[s.wrapped] == nil {
		return nil, fmt.Errorf("%w: Get%s", ErrSchema, s.name)
	}
	return w[s.wrapped], nil
}

// twiceOf lists in pages of two sizes, and reads each entry after the first listing.
func twiceOf(s sort, list func(size int32, each func(json.RawMessage) error) error, one func(id string) error) (ids []string, again int, odd string, err error) {
	docs := map[string]bool{}
	for i, size := range []int32{s.size, max(1, s.size/3)} {
		n := 0
		err := list(size, func(doc json.RawMessage) error {
			id, err := field(doc, s.id)
			if i == 0 && docs[id] || i == 1 && !docs[id] {
				odd = "two listings differ"
			}
			docs[id] = true
			n++
			return err
		})
		if err != nil {
			return nil, 0, odd, err
		}
		again = n
	}
	ids = sortedKeys(docs)
	if again != len(ids) {
		odd = "two listings differ"
	}
	for _, id := range ids {
		if err := one(id); err != nil {
			return ids, again, odd, err
		}
	}
	return ids, again, odd, nil
}

func (cl *client) sorts() []sort {
	c := cl.cp
	p := func(s string) *string { return &s }
	return []sort{
		{name: "WorkloadIdentity", op: "ListWorkloadIdentities", list: "workloadIdentities", id: "name", kind: "principal", size: 20, put: (*reading).identity,
			page: func(ctx context.Context, _ string, n int32, t *string) error {
				_, err := c.ListWorkloadIdentities(ctx, &cp.ListWorkloadIdentitiesInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetWorkloadIdentity(ctx, &cp.GetWorkloadIdentityInput{Name: p(id)})
				return err
			}},
		{name: "Oauth2CredentialProvider", op: "ListOauth2CredentialProviders", list: "credentialProviders", id: "name", kind: "credential", size: 20, put: (*reading).oauth2,
			page: func(ctx context.Context, _ string, n int32, t *string) error {
				_, err := c.ListOauth2CredentialProviders(ctx, &cp.ListOauth2CredentialProvidersInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetOauth2CredentialProvider(ctx, &cp.GetOauth2CredentialProviderInput{Name: p(id)})
				return err
			}},
		{name: "ApiKeyCredentialProvider", op: "ListApiKeyCredentialProviders", list: "credentialProviders", id: "name", kind: "credential", size: 100, put: (*reading).apiKey,
			page: func(ctx context.Context, _ string, n int32, t *string) error {
				_, err := c.ListApiKeyCredentialProviders(ctx, &cp.ListApiKeyCredentialProvidersInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetApiKeyCredentialProvider(ctx, &cp.GetApiKeyCredentialProviderInput{Name: p(id)})
				return err
			}},
		{name: "Gateway", op: "ListGateways", list: "items", id: "gatewayId", kind: "toolserver", size: 100, put: (*reading).gateway, also: []string{"credential"}, below: "GatewayTarget",
			page: func(ctx context.Context, _ string, n int32, t *string) error {
				_, err := c.ListGateways(ctx, &cp.ListGatewaysInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetGateway(ctx, &cp.GetGatewayInput{GatewayIdentifier: p(id)})
				return err
			}},
		{name: "GatewayTarget", op: "ListGatewayTargets", list: "items", id: "targetId", kind: "toolserver", size: 100, put: (*reading).target, also: []string{"credential"},
			page: func(ctx context.Context, parent string, n int32, t *string) error {
				_, err := c.ListGatewayTargets(ctx, &cp.ListGatewayTargetsInput{GatewayIdentifier: p(parent), MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, parent, id string) error {
				_, err := c.GetGatewayTarget(ctx, &cp.GetGatewayTargetInput{GatewayIdentifier: p(parent), TargetId: p(id)})
				return err
			}},
		{name: "PolicyEngine", op: "ListPolicyEngines", list: "policyEngines", id: "policyEngineId", kind: "opaque", size: 100, put: (*reading).policyEngine, also: []string{"policy"}, below: "Policy",
			page: func(ctx context.Context, _ string, n int32, t *string) error {
				_, err := c.ListPolicyEngines(ctx, &cp.ListPolicyEnginesInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetPolicyEngine(ctx, &cp.GetPolicyEngineInput{PolicyEngineId: p(id)})
				return err
			}},
		{name: "Policy", op: "ListPolicies", list: "policies", id: "policyId", kind: "policy", size: 100, put: (*reading).policy,
			page: func(ctx context.Context, parent string, n int32, t *string) error {
				_, err := c.ListPolicies(ctx, &cp.ListPoliciesInput{PolicyEngineId: p(parent), MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, parent, id string) error {
				_, err := c.GetPolicy(ctx, &cp.GetPolicyInput{PolicyEngineId: p(parent), PolicyId: p(id)})
				return err
			}},
		{name: "Harness", op: "ListHarnesses", list: "harnesses", id: "harnessId", label: "harnessName", kind: "agent", size: 100, put: (*reading).harness, also: []string{"credential", "toolserver"}, wrapped: "harness",
			page: func(ctx context.Context, _ string, n int32, t *string) error {
				_, err := c.ListHarnesses(ctx, &cp.ListHarnessesInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetHarness(ctx, &cp.GetHarnessInput{HarnessId: p(id)})
				return err
			}},
		{name: "AgentRuntime", op: "ListAgentRuntimes", list: "agentRuntimes", id: "agentRuntimeId", label: "agentRuntimeName", kind: "agent", size: 100, put: (*reading).agentRuntime, also: []string{"credential"},
			page: func(ctx context.Context, _ string, n int32, t *string) error {
				_, err := c.ListAgentRuntimes(ctx, &cp.ListAgentRuntimesInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetAgentRuntime(ctx, &cp.GetAgentRuntimeInput{AgentRuntimeId: p(id)})
				return err
			}},
	}
}

// definitionKinds are the kinds of the account's definitions; derived ones are readings of another.
var definitionKinds = [...]string{"credential", "toolserver", "policy", "opaque", "agent"}

// definitionFacts states what is known about the definitions. A List that is refused is an error,
// never an empty list: so none is none.
func (r *reading) definitionFacts() {
	for _, k := range definitionKinds {
		f := r.e.Kind(k)
		f.Class = pb.KindCompleteness_CLASS_ENUMERATED
		if odd := r.pos.Odd[k]; odd != "" {
			f.RelistRoute = odd
			continue
		}
		n := r.pos.Relisted[k]
		f.Exhausted, f.Relisted, f.RelistRoute = true, &n, "a second listing with pages of another size"
		f.AccessBasis = "IAM answers a refused List with an error"
	}
	r.e.Derived("tool", "toolserver", "agent")
	r.e.Derived("toolgrant", "policy", "agent", "toolserver") // which names its tool
	r.e.Derived("model", "agent")
}
