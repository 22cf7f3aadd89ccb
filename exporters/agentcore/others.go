package agentcore

import (
	"context"
	"encoding/json"
	"strings"

	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol/types"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// NotRead are operations of the service that list something and that an export does not call: each
// with what it would list. A test compares them, and those that are called, with all that the SDK has.
func NotRead() map[string]string {
	again, work, live := "the same again, with less in it", "results of work that was asked for once", "live sessions, which end by themselves"
	return map[string]string{
		"ListPolicyEngineSummaries": again, "ListPolicySummaries": again, "ListPolicyGenerationSummaries": again, "ListAgentRuntimeVersionsByCapacityProvider": again,
		"ListPolicyGenerations": work, "ListPolicyGenerationAssets": work, "ListABTests": work, "ListBatchEvaluations": work, "ListRecommendations": work, "ListMemoryExtractionJobs": work,
		"ListBrowserSessions": live, "ListCodeInterpreterSessions": live, "ListPaymentSessions": live,
		"ListPaymentInstruments": "means of payment of single people",
	}
}

// others are the sorts of definitions that no record fits: each is carried whole, as it is answered,
// and a person makes it anew. They are pages of 20: what the greatest is, the model does not say of all.
func (cl *client) others() []sort {
	c := cl.cp
	type str = *string
	all := []sort{
		{name: "GatewayRule", op: "ListGatewayRules", list: "gatewayRules", id: "ruleId", inside: true,
			page: func(ctx context.Context, of string, n int32, t str) error {
				_, err := c.ListGatewayRules(ctx, &cp.ListGatewayRulesInput{GatewayIdentifier: &of, MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, of, id string) error {
				_, err := c.GetGatewayRule(ctx, &cp.GetGatewayRuleInput{GatewayIdentifier: &of, RuleId: &id})
				return err
			}},
		{name: "GatewayRateLimit", op: "ListGatewayRateLimits", list: "rateLimits", id: "rateLimitId", inside: true,
			page: func(ctx context.Context, of string, n int32, t str) error {
				_, err := c.ListGatewayRateLimits(ctx, &cp.ListGatewayRateLimitsInput{GatewayIdentifier: &of, MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, of, id string) error {
				_, err := c.GetGatewayRateLimit(ctx, &cp.GetGatewayRateLimitInput{GatewayIdentifier: &of, RateLimitId: &id})
				return err
			}},
		{name: "HarnessEndpoint", op: "ListHarnessEndpoints", list: "endpoints", id: "endpointName", inside: true, wrapped: "endpoint",
			page: func(ctx context.Context, of string, n int32, t str) error {
				_, err := c.ListHarnessEndpoints(ctx, &cp.ListHarnessEndpointsInput{HarnessId: &of, MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, of, id string) error {
				_, err := c.GetHarnessEndpoint(ctx, &cp.GetHarnessEndpointInput{HarnessId: &of, EndpointName: &id})
				return err
			}},
		{name: "HarnessVersion", op: "ListHarnessVersions", list: "harnessVersions", id: "harnessVersion", inside: true, getOp: "GetHarness", wrapped: "harness",
			page: func(ctx context.Context, of string, n int32, t str) error {
				_, err := c.ListHarnessVersions(ctx, &cp.ListHarnessVersionsInput{HarnessId: &of, MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, of, id string) error {
				_, err := c.GetHarness(ctx, &cp.GetHarnessInput{HarnessId: &of, HarnessVersion: &id})
				return err
			}},
		{name: "AgentRuntimeEndpoint", op: "ListAgentRuntimeEndpoints", list: "runtimeEndpoints", id: "name", inside: true,
			page: func(ctx context.Context, of string, n int32, t str) error {
				_, err := c.ListAgentRuntimeEndpoints(ctx, &cp.ListAgentRuntimeEndpointsInput{AgentRuntimeId: &of, MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, of, id string) error {
				_, err := c.GetAgentRuntimeEndpoint(ctx, &cp.GetAgentRuntimeEndpointInput{AgentRuntimeId: &of, EndpointName: &id})
				return err
			}},
		{name: "AgentRuntimeVersion", op: "ListAgentRuntimeVersions", list: "agentRuntimes", id: "agentRuntimeVersion", inside: true, getOp: "GetAgentRuntime",
			page: func(ctx context.Context, of string, n int32, t str) error {
				_, err := c.ListAgentRuntimeVersions(ctx, &cp.ListAgentRuntimeVersionsInput{AgentRuntimeId: &of, MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, of, id string) error {
				_, err := c.GetAgentRuntime(ctx, &cp.GetAgentRuntimeInput{AgentRuntimeId: &of, AgentRuntimeVersion: &id})
				return err
			}},
		{name: "Browser", op: "ListBrowsers", list: "browserSummaries", id: "browserId",
			page: func(ctx context.Context, _ string, n int32, t str) error {
				_, err := c.ListBrowsers(ctx, &cp.ListBrowsersInput{MaxResults: &n, NextToken: t, Type: types.ResourceTypeCustom})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetBrowser(ctx, &cp.GetBrowserInput{BrowserId: &id})
				return err
			}},
		{name: "BrowserProfile", op: "ListBrowserProfiles", list: "profileSummaries", id: "profileId",
			page: func(ctx context.Context, _ string, n int32, t str) error {
				_, err := c.ListBrowserProfiles(ctx, &cp.ListBrowserProfilesInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetBrowserProfile(ctx, &cp.GetBrowserProfileInput{ProfileId: &id})
				return err
			}},
		{name: "CodeInterpreter", op: "ListCodeInterpreters", list: "codeInterpreterSummaries", id: "codeInterpreterId",
			page: func(ctx context.Context, _ string, n int32, t str) error {
				_, err := c.ListCodeInterpreters(ctx, &cp.ListCodeInterpretersInput{MaxResults: &n, NextToken: t, Type: types.ResourceTypeCustom})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetCodeInterpreter(ctx, &cp.GetCodeInterpreterInput{CodeInterpreterId: &id})
				return err
			}},
		{name: "CapacityProvider", op: "ListCapacityProviders", list: "capacityProviders", id: "capacityProviderId",
			page: func(ctx context.Context, _ string, n int32, t str) error {
				_, err := c.ListCapacityProviders(ctx, &cp.ListCapacityProvidersInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetCapacityProvider(ctx, &cp.GetCapacityProviderInput{CapacityProviderId: &id})
				return err
			}},
		{name: "Evaluator", op: "ListEvaluators", list: "evaluators", id: "evaluatorId", label: "evaluatorName", service: builtin,
			page: func(ctx context.Context, _ string, n int32, t str) error {
				_, err := c.ListEvaluators(ctx, &cp.ListEvaluatorsInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetEvaluator(ctx, &cp.GetEvaluatorInput{EvaluatorId: &id})
				return err
			}},
		{name: "OnlineEvaluationConfig", op: "ListOnlineEvaluationConfigs", list: "onlineEvaluationConfigs", id: "onlineEvaluationConfigId", label: "onlineEvaluationConfigName",
			page: func(ctx context.Context, _ string, n int32, t str) error {
				_, err := c.ListOnlineEvaluationConfigs(ctx, &cp.ListOnlineEvaluationConfigsInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetOnlineEvaluationConfig(ctx, &cp.GetOnlineEvaluationConfigInput{OnlineEvaluationConfigId: &id})
				return err
			}},
		{name: "ConfigurationBundle", op: "ListConfigurationBundles", list: "bundles", id: "bundleId", label: "bundleName", below: []string{"ConfigurationBundleVersion"},
			page: func(ctx context.Context, _ string, n int32, t str) error {
				_, err := c.ListConfigurationBundles(ctx, &cp.ListConfigurationBundlesInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetConfigurationBundle(ctx, &cp.GetConfigurationBundleInput{BundleId: &id})
				return err
			}},
		{name: "ConfigurationBundleVersion", op: "ListConfigurationBundleVersions", list: "versions", id: "versionId", inside: true,
			page: func(ctx context.Context, of string, n int32, t str) error {
				_, err := c.ListConfigurationBundleVersions(ctx, &cp.ListConfigurationBundleVersionsInput{BundleId: &of, MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, of, id string) error {
				_, err := c.GetConfigurationBundleVersion(ctx, &cp.GetConfigurationBundleVersionInput{BundleId: &of, VersionId: &id})
				return err
			}},
		{name: "Dataset", op: "ListDatasets", list: "datasets", id: "datasetId", label: "datasetName", below: []string{"DatasetVersion", "DatasetExample"},
			page: func(ctx context.Context, _ string, n int32, t str) error {
				_, err := c.ListDatasets(ctx, &cp.ListDatasetsInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetDataset(ctx, &cp.GetDatasetInput{DatasetId: &id})
				return err
			}},
		{name: "DatasetVersion", op: "ListDatasetVersions", list: "versions", id: "datasetVersion", inside: true, getOp: "GetDataset",
			page: func(ctx context.Context, of string, n int32, t str) error {
				_, err := c.ListDatasetVersions(ctx, &cp.ListDatasetVersionsInput{DatasetId: &of, MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, of, id string) error {
				_, err := c.GetDataset(ctx, &cp.GetDatasetInput{DatasetId: &of, DatasetVersion: &id})
				return err
			}},
		{name: "DatasetExample", op: "ListDatasetExamples", list: "examples", inside: true,
			page: func(ctx context.Context, of string, n int32, t str) error {
				_, err := c.ListDatasetExamples(ctx, &cp.ListDatasetExamplesInput{DatasetId: &of, MaxResults: &n, NextToken: t})
				return err
			}},
		{name: "ConsentPortal", op: "ListConsentPortals", list: "consentPortals", id: "consentPortalId",
			page: func(ctx context.Context, _ string, n int32, t str) error {
				_, err := c.ListConsentPortals(ctx, &cp.ListConsentPortalsInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetConsentPortal(ctx, &cp.GetConsentPortalInput{ConsentPortalIdentifier: &id})
				return err
			}},
		{name: "Registry", op: "ListRegistries", list: "registries", id: "registryId", below: []string{"RegistryRecord"},
			page: func(ctx context.Context, _ string, n int32, t str) error {
				_, err := c.ListRegistries(ctx, &cp.ListRegistriesInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetRegistry(ctx, &cp.GetRegistryInput{RegistryId: &id})
				return err
			}},
		{name: "RegistryRecord", op: "ListRegistryRecords", list: "registryRecords", id: "recordId", inside: true,
			page: func(ctx context.Context, of string, n int32, t str) error {
				_, err := c.ListRegistryRecords(ctx, &cp.ListRegistryRecordsInput{RegistryId: &of, MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, of, id string) error {
				_, err := c.GetRegistryRecord(ctx, &cp.GetRegistryRecordInput{RegistryId: &of, RecordId: &id})
				return err
			}},
		{name: "PaymentCredentialProvider", op: "ListPaymentCredentialProviders", list: "credentialProviders", id: "name",
			page: func(ctx context.Context, _ string, n int32, t str) error {
				_, err := c.ListPaymentCredentialProviders(ctx, &cp.ListPaymentCredentialProvidersInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetPaymentCredentialProvider(ctx, &cp.GetPaymentCredentialProviderInput{Name: &id})
				return err
			}},
		{name: "PaymentManager", op: "ListPaymentManagers", list: "paymentManagers", id: "paymentManagerId", below: []string{"PaymentConnector"},
			page: func(ctx context.Context, _ string, n int32, t str) error {
				_, err := c.ListPaymentManagers(ctx, &cp.ListPaymentManagersInput{MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, _, id string) error {
				_, err := c.GetPaymentManager(ctx, &cp.GetPaymentManagerInput{PaymentManagerId: &id})
				return err
			}},
		{name: "PaymentConnector", op: "ListPaymentConnectors", list: "paymentConnectors", id: "paymentConnectorId", inside: true,
			page: func(ctx context.Context, of string, n int32, t str) error {
				_, err := c.ListPaymentConnectors(ctx, &cp.ListPaymentConnectorsInput{PaymentManagerId: &of, MaxResults: &n, NextToken: t})
				return err
			},
			get: func(ctx context.Context, of, id string) error {
				_, err := c.GetPaymentConnector(ctx, &cp.GetPaymentConnectorInput{PaymentManagerId: &of, PaymentConnectorId: &id})
				return err
			}},
	}
	for i := range all {
		s := &all[i]
		s.kind, s.also, s.size, s.put = "opaque", []string{"credential"}, 20, opaque(s.name)
	}
	return all
}

// opaque makes a record of a definition of a sort, whole.
func opaque(name string) func(r *reading, parent, id string, raw json.RawMessage) error {
	return func(r *reading, parent, id string, raw json.RawMessage) error {
		doc, found := disarm(passing(raw))
		parts := []string{dashed(name), id}
		if parent != "" {
			parts = []string{dashed(name), parent, id}
		}
		var d struct{ CreatedAt, UpdatedAt, LastUpdatedAt, CreatedTime, LastUpdatedTime moment }
		_ = json.Unmarshal(doc, &d)
		o := &pb.Opaque{Meta: agentstate.Meta("opaque", native(name, doc), parts...)}
		o.Meta.CreatedUnixNano = nanos(d.CreatedAt + d.CreatedTime)
		o.Meta.UpdatedUnixNano = nanos(d.UpdatedAt + d.LastUpdatedAt + d.LastUpdatedTime) // each has one of them
		if err := r.taken(o.Meta.Key, found); err != nil {
			return err
		}
		return r.yield(o)
	}
}

// passing takes out of a dataset the address at which it can be fetched for some minutes, by whoever
// has it: it is another one in each answer.
func passing(doc json.RawMessage) json.RawMessage {
	var m map[string]json.RawMessage
	if json.Unmarshal(doc, &m) != nil || m["downloadUrl"] == nil {
		return doc
	}
	delete(m, "downloadUrl")
	delete(m, "downloadUrlExpiresAt")
	out, err := marshal(m)
	if err != nil {
		return doc
	}
	return out
}

// dashed is a sort's name as a part of a key: "browser-profile".
func dashed(name string) string {
	var b strings.Builder
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('-')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
