package agentcore

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/agentcore/agentcorefake"
	"github.com/exitramp/exitramp/exporters/exportertest"
	"github.com/exitramp/exitramp/internal/loadtest"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const (
	acc       = "123456789012"
	arn       = "arn:aws:bedrock-agentcore:eu-central-1:" + acc + ":"
	canary    = "canary-sk-live-51"
	statement = `permit(principal, action == AgentCore::Action::"refunds___refund", resource == AgentCore::Gateway::"` + arn + `gateway/shop-gw-abcdefghij") when { context.input.amount < 100 };`
)

// firm is a shop with an account's definitions around it.
func firm(t testing.TB) *world { return firmOf(t, agentcorefake.Options{}) }

func firmOf(t testing.TB, o agentcorefake.Options) *world {
	w := shop(t, o)
	w.define(acc, "abcdefghij", canary)
	type m = map[string]any
	day := "2026-01-02T03:04:05Z"
	w.fake.Put("WorkloadIdentity", "", m{"name": "shop-agent", "workloadIdentityArn": arn + "workload-identity-directory/default/workload-identity/shop-agent", "createdTime": 1_700_000_000, "lastUpdatedTime": 1_700_000_000, "allowedResourceOauth2ReturnUrls": []any{"https://shop.example/cb"}})
	w.fake.Put("PolicyEngine", "", m{"policyEngineId": "rules-abcdefghij", "policyEngineArn": arn + "policy-engine/rules-abcdefghij", "name": "rules", "status": "ACTIVE", "statusReasons": []any{}, "createdAt": day, "updatedAt": day})
	for id, text := range map[string]string{"small-abcdefghij": statement, "odd-abcdefghij": `permit(principal in Team::"a", action, resource) unless { principal.banned };`} {
		w.policy(id, text)
	}
	return w
}

// policy puts a policy that decides into the engine of the firm.
func (w *world) policy(id, text string) {
	w.fake.Put("Policy", "rules-abcdefghij", map[string]any{"policyId": id, "policyArn": arn + "policy-engine/rules-abcdefghij/policy/" + id, "policyEngineId": "rules-abcdefghij", "name": strings.TrimSuffix(id, "-abcdefghij"), "status": "ACTIVE", "statusReasons": []any{},
		"definition": map[string]any{"cedar": map[string]any{"statement": text}}, "createdAt": "2026-01-02T03:04:05Z", "updatedAt": "2026-01-02T03:04:05Z"})
}

// define puts what a person makes in an account: providers, a gateway with a target, a harness and an
// agent runtime. The ids end in end.
func (w *world) define(acc, end, secret string) {
	arn, vault := "arn:aws:bedrock-agentcore:eu-central-1:"+acc+":", "arn:aws:acps:eu-central-1:"+acc+":"
	type m = map[string]any
	at, day := 1_700_000_000, "2026-01-02T03:04:05Z"
	gw := "shop-gw-" + end
	w.fake.Put("Oauth2CredentialProvider", "", m{"name": "crm", "credentialProviderVendor": "SalesforceOauth2", "credentialProviderArn": vault + "token-vault/default/oauth2credentialprovider/crm", "clientSecretArn": m{"secretArn": "arn:aws:secretsmanager:eu-central-1:" + acc + ":secret:crm"},
		"oauth2ProviderConfigOutput": m{"salesforceOauth2ProviderConfig": m{"oauthDiscovery": m{"discoveryUrl": "https://login.example/.well-known/openid-configuration"}}}, "createdTime": at, "lastUpdatedTime": at})
	w.fake.Put("ApiKeyCredentialProvider", "", m{"name": "maps", "credentialProviderArn": vault + "token-vault/default/apikeycredentialprovider/maps", "apiKeySecretArn": m{"secretArn": "arn:aws:secretsmanager:eu-central-1:" + acc + ":secret:maps"}, "createdTime": at, "lastUpdatedTime": at})
	w.fake.Put("Gateway", "", m{"gatewayId": gw, "gatewayArn": arn + "gateway/" + gw, "name": "shop-gw", "gatewayUrl": "https://" + gw + ".gateway.example/mcp", "status": "READY", "authorizerType": "AWS_IAM", "protocolType": "MCP",
		"roleArn": "arn:aws:iam::" + acc + ":role/gw", "createdAt": day, "updatedAt": day})
	w.fake.Put("GatewayTarget", gw, m{"targetId": strings.ToUpper(end), "name": "refunds", "gatewayArn": arn + "gateway/" + gw, "status": "READY", "createdAt": day, "updatedAt": day,
		"credentialProviderConfigurations": []any{m{"credentialProviderType": "OAUTH", "credentialProvider": m{"oauthCredentialProvider": m{"providerArn": vault + "token-vault/default/oauth2credentialprovider/crm", "scopes": []any{"api"}, "customParameters": m{"audience": secret}}}}},
		"targetConfiguration": m{"mcp": m{"lambda": m{"lambdaArn": "arn:aws:lambda:eu-central-1:" + acc + ":function:refund", "toolSchema": m{"inlinePayload": []any{
			m{"name": "refund", "description": "Pay back", "inputSchema": m{"type": "object", "properties": m{"amount": m{"type": "number"}}}}}}}}}})
	w.fake.Put("Harness", "", m{"harnessId": "clerk-" + end, "harnessName": "clerk", "arn": arn + "harness/clerk-" + end, "status": "READY", "executionRoleArn": "arn:aws:iam::" + acc + ":role/clerk", "createdAt": day, "updatedAt": day,
		"systemPrompt": []any{m{"text": "You are a clerk."}}, "model": m{"bedrockModelConfig": m{"modelId": "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "temperature": 0.2}}, "allowedTools": []any{"*"}, "skills": []any{},
		"tools": []any{m{"type": "remote_mcp", "name": "crm", "config": m{"remoteMcp": m{"url": "https://crm.example/mcp?key=" + secret, "headers": m{"Authorization": "Bearer " + secret}}}},
			m{"type": "agentcore_gateway", "name": "gw", "config": m{"agentCoreGateway": m{"gatewayArn": arn + "gateway/" + gw}}},
			m{"type": "inline_function", "name": "ask", "config": m{"inlineFunction": m{"description": "Ask a person", "inputSchema": m{"type": "object"}}}}, m{"type": "agentcore_browser"}},
		"memory":               m{"agentCoreMemoryConfiguration": m{"arn": arn + "memory/shop-" + end}},
		"environmentVariables": m{"STRIPE_KEY": secret}, "truncation": m{"strategy": "none"}, "environment": m{"agentCoreRuntimeEnvironment": m{"agentRuntimeArn": arn + "runtime/clerk-" + end, "agentRuntimeName": "clerk", "agentRuntimeId": "clerk-" + end, "lifecycleConfiguration": m{}, "networkConfiguration": m{"networkMode": "PUBLIC"}}}})
	// The model has no partition in this ARN.
	w.fake.Put("AgentRuntime", "", m{"agentRuntimeId": "bot-" + end, "agentRuntimeName": "bot", "agentRuntimeArn": "arn::bedrock-agentcore:eu-central-1:" + acc + ":agent/01234567-89ab-cdef-0123-456789abcdef:1", "agentRuntimeVersion": "1", "status": "READY", "roleArn": "arn:aws:iam::" + acc + ":role/bot",
		"createdAt": day, "lastUpdatedAt": day, "description": "d", "networkConfiguration": m{"networkMode": "PUBLIC"}, "lifecycleConfiguration": m{}, "environmentVariables": m{"TOKEN": secret},
		"workloadIdentityDetails": m{"workloadIdentityArn": arn + "workload-identity-directory/default/workload-identity/shop-agent"}})
	w.furnish(acc, end, secret)
}

func TestDefinitions(t *testing.T) {
	w := firm(t)
	st, rep := read(t, w.service(""))
	for k, n := range map[string]uint64{"credential": 9, "toolserver": 3, "tool": 3, "policy": 3, "toolgrant": 2, "opaque": 23, "agent": 2, "model": 1, "principal": 3} {
		if rep.Records[k] != n {
			t.Errorf("%s: %d records, want %d", k, rep.Records[k], n)
		}
		if c := rep.Verdict.Kinds[k]; c.Coverage > agentstate.Listed {
			t.Errorf("%s: %s, %s", k, c.Coverage, c.Why)
		}
	}
	if rep.Verdict.Coverage != agentstate.Listed {
		t.Errorf("%s %v", rep.Verdict.Coverage, rep.Verdict.Kinds)
	}
	for r, err := range st.Records(context.Background(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		b, err := protojson.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		all := string(b)
		for _, n := range r.GetMeta().GetNative() {
			all += string(n.GetData().GetInline())
		}
		if strings.Contains(all, canary) {
			t.Errorf("%s holds a secret", r.GetMeta().GetKey())
		}
		switch r := r.(type) {
		case *pb.Policy:
			if r.Name == "small" && string(r.Text.GetInline()) != statement {
				t.Errorf("Cedar is not verbatim: %s", r.Text.GetInline())
			}
		case *pb.ToolGrant:
			if r.ScopeKey == "agent/harness/clerk-abcdefghij" {
				if r.Pattern != "*" || r.PatternDialect != "agentcore-harness" {
					t.Errorf("grant %v", r)
				}
				continue
			}
			if r.Effect != pb.ToolGrant_EFFECT_ALLOW || r.Scopes[0] != "refunds___refund" || r.ScopeKey != "toolserver/shop-gw-abcdefghij" || r.ToolKey != "tool/shop-gw-abcdefghij/ABCDEFGHIJ/refund" || string(r.Constraints.GetInline()) != "context.input.amount < 100" {
				t.Errorf("grant %v", r)
			}
		case *pb.Agent:
			if r.Name == "bot" {
				if r.PrincipalKey != "principal/workload-identity/shop-agent/name" {
					t.Errorf("agent %v", r)
				}
				continue
			}
			if want := []string{"toolserver/harness/clerk-abcdefghij/crm", "toolserver/shop-gw-abcdefghij"}; !slices.Equal(r.ToolServerKeys, want) {
				t.Errorf("servers %v, want %v", r.ToolServerKeys, want)
			}
			if want := []string{"tool/harness/clerk-abcdefghij/ask", "tool/harness/clerk-abcdefghij/agentcore_browser"}; !slices.Equal(r.ToolKeys, want) {
				t.Errorf("tools %v, want %v", r.ToolKeys, want)
			}
			if len(r.Attachments) != 1 || r.Attachments[0].TargetKey != "memoryspace/shop-abcdefghij" {
				t.Errorf("attachments %v", r.Attachments)
			}
			if string(r.Instructions.GetInline()) != "You are a clerk." || !strings.HasPrefix(r.ModelKey, "model/") {
				t.Errorf("agent %v", r)
			}
		}
	}
}

func TestConformanceOfAnAccount(t *testing.T) {
	w := firm(t)
	exportertest.Run(t, exportertest.Harness{
		Brief:   loadtest.Of(true, false),
		Open:    func(context.Context) (agentstate.Source, error) { return w.service(""), nil },
		Secrets: []string{secretKey, canary},
	})
}

// Each form of a target says what it is, where it is, and what it is defined by, if that is in it.
func TestTargets(t *testing.T) {
	t.Parallel()
	type m = map[string]any
	api, model := `{"openapi":"3.0.0","paths":{}}`, "$version: \"2\"\nnamespace shop"
	for name, x := range map[string]struct {
		configuration                  m
		protocol, location, definition string
	}{
		"openapi":   {m{"mcp": m{"openApiSchema": m{"inlinePayload": api}}}, "openapi", "", api},
		"s3":        {m{"mcp": m{"openApiSchema": m{"s3": m{"uri": "s3://bucket/api.json"}}}}, "openapi", "s3://bucket/api.json", ""},
		"smithy":    {m{"mcp": m{"smithyModel": m{"inlinePayload": model}}}, "smithy", "", model},
		"mcp":       {m{"mcp": m{"mcpServer": m{"endpoint": "https://mcp.example/mcp", "mcpToolSchema": m{"inlinePayload": `[{"name":"a"}]`}}}}, "mcp+http", "https://mcp.example/mcp", `[{"name":"a"}]`},
		"rest":      {m{"mcp": m{"apiGateway": m{"restApiId": "abc", "stage": "prod", "apiGatewayToolConfiguration": m{"toolFilters": []any{}}}}}, "apigateway", "abc/prod", ""},
		"connector": {m{"mcp": m{"connector": m{"source": m{"connectorId": "jira"}}}}, "connector", "jira", ""},
		"runtime":   {m{"http": m{"agentcoreRuntime": m{"arn": arn + "runtime/bot-abcdefghij", "schema": m{"source": m{"inlinePayload": api}}}}}, "agentcore-runtime", arn + "runtime/bot-abcdefghij", api},
		"pass":      {m{"http": m{"passthrough": m{"endpoint": "https://a.example/x", "protocolType": "A2A"}}}, "http", "https://a.example/x", ""},
		"provider":  {m{"inference": m{"provider": m{"endpoint": "https://llm.example/v1"}}}, "inference", "https://llm.example/v1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agentcorefake.Options{})
			w.define(acc, "abcdefghij", canary)
			w.fake.Put("GatewayTarget", "shop-gw-abcdefghij", m{"targetId": "0123456789", "name": name, "gatewayArn": arn + "gateway/shop-gw-abcdefghij", "status": "READY", "createdAt": "2026-01-02T03:04:05Z", "updatedAt": "2026-01-02T03:04:05Z",
				"credentialProviderConfigurations": []any{m{"credentialProviderType": "GATEWAY_IAM_ROLE"}}, "targetConfiguration": x.configuration})
			st, _ := read(t, w.service(""))
			r := must(st.Get(t.Context(), "toolserver/shop-gw-abcdefghij/0123456789"))(t).(*pb.ToolServer)
			if r.Protocol != x.protocol || r.Location != x.location || string(r.Definition.GetInline()) != x.definition {
				t.Errorf("%s %s %s", r.Protocol, r.Location, r.Definition.GetInline())
			}
		})
	}
}
