package agentcore

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	dp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcore"
	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// furnish puts one definition of each sort there that nothing here makes. The ids end in end; those that
// are inside of others are the source's alone.
func (w *world) furnish(acc, end, secret string) {
	arn := "arn:aws:bedrock-agentcore:eu-central-1:" + acc + ":"
	type m = map[string]any
	at, day := 1_700_000_000, "2026-01-02T03:04:05Z"
	gw, clerk, bot := "shop-gw-"+end, "clerk-"+end, "bot-"+end
	put := func(sort, parent string, doc m) {
		if doc["createdAt"] == nil && doc["createdTime"] == nil {
			doc["createdAt"] = at
		}
		if parent == "" || acc != "999999999999" {
			w.fake.Put(sort, parent, doc)
		}
	}
	put("GatewayRule", gw, m{"ruleId": "r-" + end, "priority": 1, "status": "READY", "createdAt": day, "actions": []any{m{"routeToTarget": m{"staticRoute": m{"targetName": "refunds"}}}}})
	put("GatewayRateLimit", gw, m{"rateLimitId": "l-" + end, "dimensionKeys": []any{"principal"}, "entries": []any{m{"requests": []any{m{"period": "second", "rate": 5}}}}, "createdAt": day})
	put("HarnessEndpoint", clerk, m{"endpointName": "prod", "harnessId": clerk, "arn": arn + "harness/" + clerk + "/endpoint/prod", "targetVersion": "1", "createdAt": day})
	put("AgentRuntimeEndpoint", bot, m{"name": "prod", "id": "e-" + end, "agentRuntimeArn": arn + "runtime/" + bot, "targetVersion": "1", "createdAt": day})
	for i, sort := range []string{"Browser", "CodeInterpreter"} {
		id := []string{"browserId", "codeInterpreterId"}[i]
		put(sort, "", m{id: "own-" + end, "name": "own", "networkConfiguration": m{"networkMode": "PUBLIC"}, "createdAt": day})
	}
	put("BrowserProfile", "", m{"profileId": "crm-" + end, "name": "crm", "status": "READY", "createdAt": day})
	put("CapacityProvider", "", m{"capacityProviderId": "cap-" + end, "name": "cap", "computeConfiguration": m{"vcpu": 2}})
	put("Evaluator", "", m{"evaluatorId": "polite-" + end, "evaluatorName": "polite", "evaluatorType": "Custom", "level": "TRACE", "evaluatorConfig": m{"llmAsAJudge": m{"instructions": "Is it polite? {context}", "ratingScale": m{"numerical": []any{}}}}})
	put("Evaluator", "", m{"evaluatorId": "Builtin.Helpfulness", "evaluatorName": "Builtin.Helpfulness", "evaluatorType": "Builtin", "level": "TRACE"})
	put("OnlineEvaluationConfig", "", m{"onlineEvaluationConfigId": "live-" + end, "onlineEvaluationConfigName": "live", "rule": m{"samplingConfig": m{"samplingPercentage": 10}}, "executionStatus": "ENABLED"})
	put("ConfigurationBundle", "", m{"bundleId": "b-" + end, "bundleName": "tuned", "versionId": "2", "components": m{"x": m{"configuration": m{"headers": m{"Authorization": secret}}}}})
	put("ConfigurationBundleVersion", "b-"+end, m{"bundleId": "b-" + end, "versionId": "1", "components": m{"x": m{"configuration": m{"temperature": 1}}}})
	put("Dataset", "", m{"datasetId": "golden-" + end, "datasetName": "golden", "exampleCount": 2, "downloadUrl": "https://s3.example/d?X-Amz-Signature=" + secret, "downloadUrlExpiresAt": at + len(w.fake.Calls())})
	put("DatasetVersion", "golden-"+end, m{"datasetId": "golden-" + end, "datasetName": "golden", "datasetVersion": "1", "exampleCount": 1})
	for _, q := range []string{"Where is my order?", "And the invoice?"} {
		if acc != "999999999999" {
			w.fake.Put("DatasetExample", "golden-"+end, m{"input": q})
		}
	}
	put("ConsentPortal", "", m{"consentPortalId": "p-" + end, "name": "consent", "portalUrl": "https://portal.example/" + end, "idpConfig": m{"oidc": m{"clientId": "shop"}}})
	put("Registry", "", m{"registryId": "reg-" + end, "name": "catalogue", "authorizerType": "AWS_IAM", "createdAt": day})
	put("RegistryRecord", "reg-"+end, m{"recordId": "rec-" + end, "name": "crm", "descriptorType": "MCP", "descriptors": m{"mcp": m{"server": m{"inlineContent": "{}"}}}, "createdAt": day})
	put("PaymentCredentialProvider", "", m{"name": "coin", "credentialProviderVendor": "CoinbaseCDP", "providerConfigurationOutput": m{"coinbaseCdpConfiguration": m{"apiKeySecretArn": m{"secretArn": "arn:aws:secretsmanager:eu-central-1:" + acc + ":secret:coin"}}}, "createdTime": at})
	put("PaymentManager", "", m{"paymentManagerId": "pay-" + end, "name": "pay", "authorizerType": "AWS_IAM", "createdAt": day})
	put("PaymentConnector", "pay-"+end, m{"paymentConnectorId": "c-" + end, "name": "c", "type": "CoinbaseCDP", "authorizationUrl": "https://coin.example/auth?state=" + secret, "createdAt": day})
	w.fake.Tag(arn+"gateway/"+gw, map[string]string{"team": "shop", "cost": "7"})
	if acc == "999999999999" {
		return
	}
	w.fake.Guard(arn+"gateway/"+gw, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+acc+`:role/x"},"Action":"bedrock-agentcore:InvokeGateway","Resource":"*"}]}`)
}

// Whatever the service lists is read, or is named among what is not.
func TestEveryListIsReadOrNamed(t *testing.T) {
	called := map[string]bool{}
	for _, as := range actions("export") {
		for _, a := range as {
			called[a] = true
		}
	}
	not := NotRead()
	all := 0
	for _, c := range []reflect.Type{reflect.TypeFor[*cp.Client](), reflect.TypeFor[*dp.Client]()} {
		for m := range c.Methods() {
			if !strings.HasPrefix(m.Name, "List") {
				continue
			}
			all++
			if why := not[m.Name]; called[m.Name] == (why != "") {
				t.Errorf("%s is read: %v, and named as not read: %q", m.Name, called[m.Name], why)
			}
			delete(not, m.Name)
		}
	}
	if all < 50 || len(not) > 0 {
		t.Errorf("%d listings of the SDK; named, and not there: %v", all, not)
	}
}

// What no record fits is in the archive whole, secrets aside, and a plan names what a person makes.
func TestOtherDefinitions(t *testing.T) {
	src := firm(t)
	st, rep := read(t, src.service(""))
	if v := rep.Verdict.Kinds["opaque"]; v.Coverage > agentstate.Listed {
		t.Errorf("%s: %s", v.Coverage, v.Why)
	}
	for key, want := range map[string]string{
		"opaque/evaluator/polite-abcdefghij":                                                            "Is it polite?",
		"opaque/online-evaluation-config/live-abcdefghij":                                               `"samplingPercentage":10`,
		"opaque/dataset-example/golden-abcdefghij/00000001":                                             "And the invoice?",
		"opaque/gateway-rate-limit/shop-gw-abcdefghij/l-abcdefghij":                                     `"rate":5`,
		"opaque/agent-runtime-endpoint/bot-abcdefghij/prod":                                             `"targetVersion":"1"`,
		"opaque/configuration-bundle-version/b-abcdefghij/1":                                            `"temperature":1`,
		"opaque/registry-record/reg-abcdefghij/rec-abcdefghij":                                          `"descriptorType":"MCP"`,
		"opaque/payment-connector/pay-abcdefghij/c-abcdefghij":                                          "https://coin.example/auth",
		"opaque/browser/own-abcdefghij":                                                                 `"networkMode":"PUBLIC"`,
		"policy/of/gateway/shop-gw-abcdefghij":                                                          "InvokeGateway",
		"credential/configuration-bundle/b-abcdefghij/components.x.configuration.headers.Authorization": "",
	} {
		r := must(st.Get(t.Context(), key))(t)
		if want != "" && !strings.Contains(string(r.GetMeta().Native[0].GetData().GetInline()), want) {
			t.Errorf("%s: %s", key, r.GetMeta().Native[0].GetData().GetInline())
		}
	}
	if _, err := st.Get(t.Context(), "opaque/evaluator/Builtin.Helpfulness"); err == nil {
		t.Error("an evaluator of the service's own is taken for the account's")
	}
	g := must(st.Get(t.Context(), "toolserver/shop-gw-abcdefghij"))(t).(*pb.ToolServer)
	if len(g.Meta.Labels) != 2 || g.Meta.Labels[1].Name != "team" || g.Meta.Labels[1].Value != "shop" {
		t.Errorf("tags %v", g.Meta.Labels)
	}
	rcs, _ := approved(t, target(t, agentcorefake.Options{}, false).service(""), st)
	for k, rc := range rcs {
		if agentstate.KindOfKey(k) == "opaque" && !strings.HasPrefix(k, "opaque/policy-engine/") && (rc.Action != replay.Refused || !strings.Contains(rc.Why, "needs a person")) {
			t.Errorf("%s: %s %s", k, rc.Action, rc.Why)
		}
	}
	// What a person has made is found by its name.
	dst := target(t, agentcorefake.Options{}, true)
	rcs, _ = approved(t, dst.service(""), st)
	for _, k := range []string{"opaque/browser/own-abcdefghij", "opaque/evaluator/polite-abcdefghij", "opaque/registry/reg-abcdefghij", "opaque/consent-portal/p-abcdefghij", "opaque/payment-manager/pay-abcdefghij"} {
		if rc := rcs[k]; rc.Action != replay.Same || !strings.HasSuffix(rc.Target, "zzzzzzzzzz") {
			t.Errorf("%s: %s %s %s", k, rc.Action, rc.Target, rc.Why)
		}
	}
	if slices.Contains(dst.fake.Operations(), "TagResource") {
		t.Error("a replay gave tags")
	}
}

// A policy with one condition is a grant; with more it stays text.
func TestGrants(t *testing.T) {
	for text, want := range map[string]string{
		`permit(principal, action, resource) when { context.a == "}" };`:                `context.a == "}"`,
		`permit(principal, action, resource) when { if a then {b: 1} == c else true };`: `if a then {b: 1} == c else true`,
		`forbid(principal is AgentCore::OAuthUser, action, resource);`:                  "",
		`permit(principal, action, resource) when { a } unless { b };`:                  "none",
		`permit(principal, action, resource) when { a } when { b };`:                    "none",
		`permit(principal, action, resource) unless { a };`:                             "none",
		`permit(principal, action, resource); forbid(principal, action, resource);`:     "none",
		`permit(principal, action in [AgentCore::Action::"a"], resource);`:              "none",
		`@id("x") permit(principal, action, resource);`:                                 "none",
	} {
		g := grant(&pb.Policy{Meta: agentstate.Meta("policy", nil, "e", "p")}, text)
		got := "none"
		if g != nil {
			got = string(g.Constraints.GetInline())
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
