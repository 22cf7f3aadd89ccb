package agentcore

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"
	ctypes "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol/types"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
)

// approved applies st with everything approved that waits for a person.
func approved(t testing.TB, dst replay.Target, st *memstate.State) (map[string]replay.Receipt, *replay.Journal) {
	t.Helper()
	o := &replay.Options{Journal: journal(t)}
	for r, err := range st.Records(context.Background(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if agentstate.IsState(agentstate.KindOf(r)) {
			o.Approved = append(o.Approved, r.GetMeta().GetKey())
		}
	}
	got := map[string]replay.Receipt{}
	o.OnReceipt = func(rc replay.Receipt) { got[rc.Key] = rc }
	if _, err := replay.Apply(t.Context(), dst, st, o); err != nil {
		t.Fatal(err)
	}
	return got, o.Journal
}

// target is an account into which definitions go; a person may have made there what wants one.
func target(t testing.TB, o agentcorefake.Options, gateway bool) *world {
	o.Account = "999999999999"
	w := newWorld(t, o)
	if gateway {
		w.define("999999999999", "zzzzzzzzzz", "another secret")
	}
	return w
}

// lost names a gateway in a way that no account has it: the service finds it not valid.
const lost = `forbid(principal, action, resource == AgentCore::Gateway::"arn:aws:bedrock-agentcore:eu-central-1::gateway/gone-abcdefghij");`

const newGateway = "arn:aws:bedrock-agentcore:eu-central-1:999999999999:gateway/shop-gw-zzzzzzzzzz"

// policies are what the SDK reads of the target: by name, mode and text.
func (w *world) policies(t testing.TB) map[string][2]string {
	t.Helper()
	out := map[string][2]string{}
	for _, e := range must(w.cp.ListPolicyEngines(t.Context(), &cp.ListPolicyEnginesInput{}))(t).PolicyEngines {
		for _, p := range must(w.cp.ListPolicies(t.Context(), &cp.ListPoliciesInput{PolicyEngineId: e.PolicyEngineId}))(t).Policies {
			out[*p.Name] = [2]string{string(p.EnforcementMode), *p.Definition.(*ctypes.PolicyDefinitionMemberCedar).Value.Statement}
		}
	}
	return out
}

// Approved, a policy is made so that it only logs, in an engine that no gateway asks. What a person
// has to make is refused, and says what is wanted.
func TestDefinitionsArriveDisabled(t *testing.T) {
	t.Parallel()
	src := firm(t)
	st, _ := read(t, src.service(""))
	dst := target(t, agentcorefake.Options{Working: 150 * time.Millisecond}, false)
	got, _ := approved(t, dst.service(""), st)
	for key, want := range map[string]string{
		"opaque/policy-engine/rules-abcdefghij":       "create",
		"policy/rules-abcdefghij/odd-abcdefghij":      "create",
		"policy/rules-abcdefghij/small-abcdefghij":    "refuse needs a person: it names gateway shop-gw-abcdefghij",
		"principal/workload-identity/shop-agent/name": "create",
		"toolserver/shop-gw-abcdefghij":               "refuse needs a person: a gateway answers from the moment on that it is made, and wants a role of the target's account in place of arn:aws:iam::123456789012:role/gw",
		"toolserver/shop-gw-abcdefghij/ABCDEFGHIJ":    "refuse needs a person: its gateway is not in the target",
		"agent/harness/clerk-abcdefghij":              "refuse needs a person: a harness can be called",
		"agent/runtime/bot-abcdefghij":                "refuse needs a person: an agent runtime can be called",
		"credential/oauth2/crm":                       "refuse needs a person: no archive holds the secret",
		"credential/api-key/maps":                     "refuse needs a person: no archive holds the secret",
	} {
		rc := got[key]
		if have := rc.Action.String() + " " + rc.Why; !strings.HasPrefix(have, want) {
			t.Errorf("%s: %s, want %s", key, have, want)
		}
	}
	if have := dst.policies(t); len(have) != 1 || have["odd"][0] != "LOG_ONLY" || !strings.HasPrefix(have["odd"][1], "permit(principal in Team") {
		t.Errorf("policies %v", have)
	}
	for _, op := range dst.fake.Operations() {
		if strings.HasPrefix(op, "Create") && !slices.Contains([]string{"CreateMemory", "CreateEvent", "CreateWorkloadIdentity", "CreatePolicyEngine", "CreatePolicy"}, op) {
			t.Errorf("%s was called: it has no disabled form", op)
		}
	}
}

// Nothing that gives power is written before a person approves it; the engine alone gives none.
func TestNothingIsApproved(t *testing.T) {
	st, _ := read(t, firm(t).service(""))
	dst := target(t, agentcorefake.Options{}, true)
	rep, _ := apply(t, dst.service(""), st)
	if len(rep.Held) == 0 || len(dst.policies(t)) > 0 {
		t.Errorf("held %d, policies %v", len(rep.Held), dst.policies(t))
	}
	if len(rep.Foretold) > 0 {
		t.Errorf("a run foretells %v", rep.Foretold)
	}
}

// A plan says of what waits for an approval what a person has to do behind it: what the run with all
// approvals refuses, and no more.
func TestForetold(t *testing.T) {
	t.Parallel()
	st, _ := read(t, firm(t).service(""))
	dst := target(t, agentcorefake.Options{Working: 150 * time.Millisecond}, false)
	plan, err := replay.Plan(t.Context(), dst.service(""), st, nil)
	if err != nil {
		t.Fatal(err)
	}
	if plan.ForetoldN == 0 || int(plan.ForetoldN) != len(plan.Foretold) || plan.ForetoldN >= plan.Waiting {
		t.Errorf("%d of %d wait for more than an approval", plan.ForetoldN, plan.Waiting)
	}
	got, _ := approved(t, dst.service(""), st)
	said := map[string]bool{}
	for _, rc := range plan.Foretold {
		said[rc.Key] = true
		if have := got[rc.Key]; have.Action != replay.Refused || have.Why != rc.Why {
			t.Errorf("%s: foretold %q, approved %s %q", rc.Key, rc.Why, have.Action, have.Why)
		}
	}
	for _, k := range []string{"toolserver/shop-gw-abcdefghij", "toolserver/shop-gw-abcdefghij/ABCDEFGHIJ", "agent/harness/clerk-abcdefghij", "credential/oauth2/crm"} {
		if !said[k] {
			t.Errorf("%s: the plan does not say what it needs", k)
		}
	}
}

// A person has made the gateway: the policies that name the source's name the target's, and read back
// as announced. A second run makes nothing, and undo takes away what the first made.
func TestPoliciesFollowTheirGateway(t *testing.T) {
	t.Parallel()
	st, _ := read(t, firm(t).service(""))
	dst := target(t, agentcorefake.Options{Working: 50 * time.Millisecond}, true)
	got, j := approved(t, dst.service(""), st)
	small := dst.policies(t)["small"]
	if want := strings.ReplaceAll(statement, arn+"gateway/shop-gw-abcdefghij", newGateway); small != [2]string{"LOG_ONLY", want} {
		t.Errorf("policy %v", small)
	}
	for key, want := range map[string]string{
		"toolserver/shop-gw-abcdefghij": "toolserver/shop-gw-zzzzzzzzzz", "toolserver/shop-gw-abcdefghij/ABCDEFGHIJ": "toolserver/shop-gw-zzzzzzzzzz/ZZZZZZZZZZ",
		"credential/oauth2/crm": "credential/oauth2/crm", "agent/harness/clerk-abcdefghij": "agent/harness/clerk-zzzzzzzzzz",
	} {
		if rc := got[key]; rc.Action != replay.Same || rc.Target != want {
			t.Errorf("%s, which a person made: %s %s %s", key, rc.Action, rc.Target, rc.Why)
		}
	}
	back, err := replay.ReadBack(t.Context(), st, dst.service(""), j)
	if err != nil {
		t.Fatal(err)
	}
	if back.MissingN+back.ExtraN > 0 || back.Same+back.Announced != back.Records {
		t.Errorf("read back: %d of %d, missing %v, extra %v, losses %v", back.Same+back.Announced, back.Records, back.Missing, back.Extra, back.Losses)
	}
	again, _ := approved(t, dst.service(""), st)
	for k, rc := range again {
		if rc.Action == replay.Created || rc.Action == replay.Conflict {
			t.Errorf("again: %s is %s %s", k, rc.Action, rc.Why)
		}
	}
	rep, err := replay.Undo(t.Context(), dst.service(""), j)
	if err != nil || rep.LeftN > 0 {
		t.Fatalf("undo: %v %v", rep, err)
	}
	time.Sleep(100 * time.Millisecond) // the service deletes after its answer
	if n := len(must(dst.cp.ListPolicyEngines(t.Context(), &cp.ListPolicyEnginesInput{}))(t).PolicyEngines); n > 0 {
		t.Errorf("%d engines are left", n)
	}
}

// A policy that somebody set ACTIVE after the run is somebody's: undo leaves it, and its engine.
func TestUndoLeavesAnArmedPolicy(t *testing.T) {
	t.Parallel()
	st, _ := read(t, firm(t).service(""))
	dst := target(t, agentcorefake.Options{}, true)
	got, j := approved(t, dst.service(""), st)
	_, parts := agentstate.SplitKey(got["policy/rules-abcdefghij/small-abcdefghij"].Target)
	must(dst.cp.UpdatePolicy(t.Context(), &cp.UpdatePolicyInput{PolicyEngineId: &parts[0], PolicyId: &parts[1], EnforcementMode: ctypes.EnforcementModeActive}))(t)
	rep, err := replay.Undo(t.Context(), dst.service(""), j)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, rc := range rep.Left {
		left = append(left, agentstate.KindOfKey(rc.Key)+": "+rc.Why)
	}
	slices.Sort(left)
	if want := []string{"opaque: it holds policies that the run did not write", "policy: changed since the run"}; !slices.Equal(left, want) {
		t.Errorf("left %v, want %v", left, want)
	}
	if have := slices.Collect(maps.Keys(dst.policies(t))); !slices.Equal(have, []string{"small"}) {
		t.Errorf("policies %v", have)
	}
}

// What the target has under a policy's name and says otherwise stays, and so does one in another
// engine; a policy that the service finds not valid is taken away again.
func TestPoliciesInTheWay(t *testing.T) {
	src := firm(t)
	src.policy("lost-abcdefghij", lost)
	st, _ := read(t, src.service(""))
	dst := target(t, agentcorefake.Options{}, true)
	mine, other := "rules", "other"
	text := `forbid(principal, action, resource); // somebody's own`
	for _, x := range []struct{ engine, policy string }{{mine, "odd"}, {other, "small"}} {
		e := must(dst.cp.CreatePolicyEngine(t.Context(), &cp.CreatePolicyEngineInput{Name: &x.engine}))(t)
		must(dst.cp.CreatePolicy(t.Context(), &cp.CreatePolicyInput{PolicyEngineId: e.PolicyEngineId, Name: &x.policy, Definition: &ctypes.PolicyDefinitionMemberCedar{Value: ctypes.CedarPolicy{Statement: &text}}}))(t)
	}
	got, _ := approved(t, dst.service(""), st)
	for key, want := range map[string]string{
		"opaque/policy-engine/rules-abcdefghij":    "same ",
		"policy/rules-abcdefghij/odd-abcdefghij":   "conflict a policy of this name is in the engine, and says something else",
		"policy/rules-abcdefghij/small-abcdefghij": "conflict a policy of this name is in another engine",
		"policy/rules-abcdefghij/lost-abcdefghij":  "refuse the service finds it not valid here",
	} {
		if have := got[key].Action.String() + " " + got[key].Why; !strings.HasPrefix(have, want) {
			t.Errorf("%s: %s, want %s", key, have, want)
		}
	}
	if have := dst.policies(t); len(have) != 2 || have["odd"] != [2]string{"ACTIVE", text} {
		t.Errorf("policies %v", have)
	}
}

// The plan answers as the run does.
func TestPlanOfDefinitions(t *testing.T) {
	st, _ := read(t, firm(t).service(""))
	for _, gateway := range []bool{false, true} {
		dst := target(t, agentcorefake.Options{}, gateway)
		o := &replay.Options{}
		for r := range st.Records(t.Context(), nil) {
			o.Approved = append(o.Approved, r.GetMeta().GetKey())
		}
		plan := map[string]string{}
		o.OnReceipt = func(rc replay.Receipt) { plan[rc.Key] = rc.Action.String() + " " + rc.Why }
		if _, err := replay.Plan(t.Context(), dst.service(""), st, o); err != nil {
			t.Fatal(err)
		}
		if n := len(dst.policies(t)); n > 0 {
			t.Fatalf("the plan made %d policies", n)
		}
		got, _ := approved(t, dst.service(""), st)
		for k, rc := range got {
			if have := rc.Action.String() + " " + rc.Why; have != plan[k] {
				t.Errorf("%s: planned %q, and came %q", k, plan[k], have)
			}
		}
	}
}

// An operator who may not make policies is told what he needs, and the rest is written.
func TestPoliciesForbidden(t *testing.T) {
	st, _ := read(t, firm(t).service(""))
	dst := newWorld(t, agentcorefake.Options{Account: "999999999999", Fault: func(op string, _ int, _ map[string]string, _ map[string]any) *agentcorefake.Fault {
		if op == "CreatePolicyEngine" {
			return &agentcorefake.Fault{Status: 403, Type: "AccessDeniedException", Message: "no"}
		}
		return nil
	}})
	got, _ := approved(t, dst.service(""), st)
	if rc := got["opaque/policy-engine/rules-abcdefghij"]; rc.Action != replay.Refused || !strings.Contains(rc.Why, "needs bedrock-agentcore:CreatePolicyEngine") {
		t.Errorf("%v", rc)
	}
	var written int
	for k, rc := range got {
		if agentstate.KindOfKey(k) == "message" && rc.Action == replay.Created {
			written++
		}
	}
	if written == 0 {
		t.Error("nothing else was written")
	}
}
