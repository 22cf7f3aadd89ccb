package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
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
	below              []string                         // sorts that are inside of it
	inside             bool                             // it is read where the sort is that it is inside of
	wrapped            string                           // member of the answer that holds the definition
	getOp              string                           // empty: "Get" and its name
	arn                string                           // member by which it has tags; empty: it has none
	guarded            bool                             // it can have a policy of its own, of who may use it
	service            func(entry json.RawMessage) bool // tells whether an entry is the service's own, in every account
}

// operation is the operation that reads one definition; empty: the listing is all that there is.
func (s *sort) operation() string {
	switch {
	case s.get == nil:
		return ""
	case s.getOp != "":
		return s.getOp
	}
	return "Get" + s.name
}

// control reads the definitions of the account: identities, credential providers, gateways with
// their targets, policy engines with their policies, harnesses and agent runtimes. Nothing is in
// them that is a secret; what could be one is taken out and becomes a reference.
func (r *reading) control(ctx context.Context) error {
	sorts := r.c.sorts()
	for _, s := range sorts {
		if s.inside {
			continue
		}
		if err := r.definitions(ctx, sorts, s, ""); err != nil || !r.e.OK() {
			return err
		}
	}
	if len(r.lacks) > 0 {
		slices.Sort(r.lacks)
		return r.gap("opaque", "operations", &lacking{slices.Compact(r.lacks)})
	}
	return nil
}

// lacking are operations for definitions of other sorts that the endpoint does not have. Of each sort
// that would be a line; so it is one.
type lacking struct{ ops []string }

func (l *lacking) Error() string {
	return "agentcore: this endpoint has no such operations: " + strings.Join(l.ops, ", ")
}

func (r *reading) definitions(ctx context.Context, sorts []sort, s sort, parent string) error {
	_, again, odd, err := twiceOf(s, func(size int32, each func(json.RawMessage) error) error {
		return r.c.list(ctx, s, parent, size, each)
	}, func(id string, doc json.RawMessage) error {
		if s.get != nil {
			var err error
			if doc, err = r.c.get(ctx, s, parent, id); err != nil {
				return r.gap(s.kind, s.place(parent, id), err, s.also...)
			}
		}
		if err := r.around(ctx, s, id, doc); err != nil {
			return err
		}
		if err := s.put(r, parent, id, doc); errors.Is(err, ErrSchema) {
			return r.gap(s.kind, s.place(parent, id), err, s.also...)
		} else if err != nil {
			return err
		}
		for _, x := range sorts {
			if slices.Contains(s.below, x.name) {
				if err := r.definitions(ctx, sorts, x, id); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if odd != "" {
		r.pos.Odd[s.kind] = s.op + ": " + odd
	}
	r.pos.Relisted[s.kind] += uint64(again)
	var no *refused
	if s.kind == "opaque" && s.name != "PolicyEngine" && errors.As(err, &no) && no.unknown() {
		r.lacks = append(r.lacks, s.op)
		return nil
	}
	if err != nil {
		return r.gap(s.kind, strings.Trim(s.op+"/"+parent, "/"), err, s.also...)
	}
	return nil
}

// place names a definition in a gap.
func (s *sort) place(parent, id string) string {
	if parent != "" {
		return s.name + "/" + parent + "/" + id
	}
	return s.name + "/" + id
}

// list calls each for every definition of a sort.
func (c *client) list(ctx context.Context, s sort, parent string, size int32, each func(json.RawMessage) error) error {
	return pages(size, s.op, s.list, func(doc json.RawMessage) error {
		if s.service != nil && s.service(doc) {
			return nil
		}
		return each(doc)
	}, func(n int32, t *string) ([]byte, error) {
		return c.call(ctx, s.op, func(ctx context.Context) error { return s.page(ctx, parent, n, t) })
	})
}

// get is one definition, whole.
func (c *client) get(ctx context.Context, s sort, parent, id string) (json.RawMessage, error) {
	doc, err := c.call(ctx, s.operation(), func(ctx context.Context) error { return s.get(ctx, parent, id) })
	if err != nil {
		return nil, err
	}
	var w map[string]json.RawMessage
	if err := json.Unmarshal(doc, &w); err != nil || len(w) == 0 {
		return nil, fmt.Errorf("%w: %s: not a JSON object, or one of nothing", ErrSchema, s.operation())
	}
	if s.wrapped != "" {
		if doc = w[s.wrapped]; doc == nil {
			return nil, fmt.Errorf("%w: %s: no member %q", ErrSchema, s.operation(), s.wrapped)
		}
	}
	if of, err := field(doc, s.id); err == nil && of != id { // not all answers have it
		return nil, fmt.Errorf("%w: %s: the answer is another one's: its %s is not the one that was asked for", ErrSchema, s.operation(), s.id)
	}
	return doc, nil
}

// twiceOf lists in pages of two sizes, and reads each entry after that. Entries that are all that there is of them, as the
// examples of a dataset, are read while they are listed: they may be many, and are not held. Entries without an id have
// their place in the list.
func twiceOf(s sort, list func(size int32, each func(json.RawMessage) error) error, one func(id string, entry json.RawMessage) error) (ids []string, again int, odd string, err error) {
	known := map[string]bool{}
	for i, size := range []int32{s.size, max(1, s.size/3)} {
		n := 0
		err := list(size, func(doc json.RawMessage) (err error) {
			id := fmt.Sprintf("%08d", n)
			if s.id != "" {
				if id, err = field(doc, s.id); err != nil {
					return err
				}
			}
			was := known[id]
			if was == (i == 0) {
				odd = "two listings differ"
			}
			known[id] = true
			n++
			if s.get == nil && !was {
				return one(id, doc)
			}
			return nil
		})
		if err != nil {
			return nil, 0, odd, err
		}
		again = n
	}
	ids = sortedKeys(known)
	if again != len(ids) {
		odd = "two listings differ"
	}
	for _, id := range ids {
		if s.get == nil {
			break
		}
		if err := one(id, nil); err != nil {
			return ids, again, odd, err
		}
	}
	return ids, again, odd, nil
}

// operation is a method of the SDK's client.
type operation[I, O any] func(ctx context.Context, in *I, opts ...func(*cp.Options)) (*O, error)

// listing is the page of a sort: of is the member that says what it is inside of, empty where it is not.
func listing[I, O any](op operation[I, O], of string, more ...func(in *I)) func(context.Context, string, int32, *string) error {
	set := members[I](of, "MaxResults", "NextToken")
	return func(ctx context.Context, parent string, n int32, next *string) error {
		in, err := set(&parent, &n, next)
		if err != nil {
			return err
		}
		for _, f := range more {
			f(in)
		}
		_, err = op(ctx, in)
		return err
	}
}

// getting is the get of a sort: of is the member that says what it is inside of, id the one for its id.
func getting[I, O any](op operation[I, O], of, id string) func(context.Context, string, string) error {
	set := members[I](of, id)
	return func(ctx context.Context, parent, name string) error {
		in, err := set(&parent, &name)
		if err != nil {
			return err
		}
		_, err = op(ctx, in)
		return err
	}
}

// members makes requests of values for the members of these names; an empty name takes no value. A module that builds
// this one may have another release of the SDK: a member that has gone, or is of another type, is an error.
func members[I any](names ...string) func(values ...any) (*I, error) {
	return func(values ...any) (*I, error) {
		in := new(I)
		for i, v := range values {
			if names[i] == "" {
				continue
			}
			f, val := reflect.ValueOf(in).Elem().FieldByName(names[i]), reflect.ValueOf(v)
			if !f.IsValid() || f.Type() != val.Type() {
				return nil, fmt.Errorf("agentcore: the SDK's %s: want a member %s of type %s: build with the SDK's release that go.mod names", reflect.TypeFor[I]().Name(), names[i], val.Type())
			}
			f.Set(val)
		}
		return in, nil
	}
}

// sorts are all sorts of definitions.
func (cl *client) sorts() []sort {
	c := cl.cp
	return append([]sort{
		{name: "WorkloadIdentity", arn: "workloadIdentityArn", op: "ListWorkloadIdentities", list: "workloadIdentities", id: "name", kind: "principal", size: 20, put: (*reading).identity,
			page: listing(c.ListWorkloadIdentities, ""), get: getting(c.GetWorkloadIdentity, "", "Name")},
		{name: "Oauth2CredentialProvider", arn: "credentialProviderArn", op: "ListOauth2CredentialProviders", list: "credentialProviders", id: "name", kind: "credential", size: 20, put: (*reading).oauth2,
			page: listing(c.ListOauth2CredentialProviders, ""), get: getting(c.GetOauth2CredentialProvider, "", "Name")},
		{name: "ApiKeyCredentialProvider", arn: "credentialProviderArn", op: "ListApiKeyCredentialProviders", list: "credentialProviders", id: "name", kind: "credential", size: 100, put: (*reading).apiKey,
			page: listing(c.ListApiKeyCredentialProviders, ""), get: getting(c.GetApiKeyCredentialProvider, "", "Name")},
		{name: "Gateway", op: "ListGateways", list: "items", id: "gatewayId", kind: "toolserver", size: 100, put: (*reading).gateway, also: []string{"credential"}, below: []string{"GatewayTarget", "GatewayRule", "GatewayRateLimit"}, arn: "gatewayArn", guarded: true,
			page: listing(c.ListGateways, ""), get: getting(c.GetGateway, "", "GatewayIdentifier")},
		{name: "GatewayTarget", inside: true, op: "ListGatewayTargets", list: "items", id: "targetId", kind: "toolserver", size: 100, put: (*reading).target, also: []string{"credential"},
			page: listing(c.ListGatewayTargets, "GatewayIdentifier"), get: getting(c.GetGatewayTarget, "GatewayIdentifier", "TargetId")},
		{name: "PolicyEngine", op: "ListPolicyEngines", list: "policyEngines", id: "policyEngineId", kind: "opaque", size: 100, put: (*reading).policyEngine, also: []string{"policy"}, below: []string{"Policy"}, arn: "policyEngineArn",
			page: listing(c.ListPolicyEngines, ""), get: getting(c.GetPolicyEngine, "", "PolicyEngineId")},
		{name: "Policy", inside: true, op: "ListPolicies", list: "policies", id: "policyId", kind: "policy", size: 100, put: (*reading).policy,
			page: listing(c.ListPolicies, "PolicyEngineId"), get: getting(c.GetPolicy, "PolicyEngineId", "PolicyId")},
		{name: "Harness", below: []string{"HarnessEndpoint", "HarnessVersion"}, arn: "arn", op: "ListHarnesses", list: "harnesses", id: "harnessId", label: "harnessName", kind: "agent", size: 100, put: (*reading).harness, also: []string{"credential", "toolserver"}, wrapped: "harness",
			page: listing(c.ListHarnesses, ""), get: getting(c.GetHarness, "", "HarnessId")},
		{name: "AgentRuntime", below: []string{"AgentRuntimeEndpoint", "AgentRuntimeVersion"}, arn: "agentRuntimeArn", guarded: true, op: "ListAgentRuntimes", list: "agentRuntimes", id: "agentRuntimeId", label: "agentRuntimeName", kind: "agent", size: 100, put: (*reading).agentRuntime, also: []string{"credential"},
			page: listing(c.ListAgentRuntimes, ""), get: getting(c.GetAgentRuntime, "", "AgentRuntimeId")},
	}, cl.others()...)
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
	r.e.Derived("testsuite", "opaque")
	r.e.Derived("testcase", "opaque")
}
