package agentcore

import (
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
	all := []sort{
		{name: "GatewayRule", op: "ListGatewayRules", list: "gatewayRules", id: "ruleId", inside: true,
			page: listing(c.ListGatewayRules, func(in *cp.ListGatewayRulesInput, of, next *string, n *int32) {
				in.GatewayIdentifier, in.MaxResults, in.NextToken = of, n, next
			}),
			get: getting(c.GetGatewayRule, func(in *cp.GetGatewayRuleInput, of, id *string) { in.GatewayIdentifier, in.RuleId = of, id })},
		{name: "GatewayRateLimit", op: "ListGatewayRateLimits", list: "rateLimits", id: "rateLimitId", inside: true,
			page: listing(c.ListGatewayRateLimits, func(in *cp.ListGatewayRateLimitsInput, of, next *string, n *int32) {
				in.GatewayIdentifier, in.MaxResults, in.NextToken = of, n, next
			}),
			get: getting(c.GetGatewayRateLimit, func(in *cp.GetGatewayRateLimitInput, of, id *string) { in.GatewayIdentifier, in.RateLimitId = of, id })},
		{name: "HarnessEndpoint", op: "ListHarnessEndpoints", list: "endpoints", id: "endpointName", inside: true, wrapped: "endpoint",
			page: listing(c.ListHarnessEndpoints, func(in *cp.ListHarnessEndpointsInput, of, next *string, n *int32) {
				in.HarnessId, in.MaxResults, in.NextToken = of, n, next
			}),
			get: getting(c.GetHarnessEndpoint, func(in *cp.GetHarnessEndpointInput, of, id *string) { in.HarnessId, in.EndpointName = of, id })},
		{name: "HarnessVersion", op: "ListHarnessVersions", list: "harnessVersions", id: "harnessVersion", inside: true, getOp: "GetHarness", wrapped: "harness",
			page: listing(c.ListHarnessVersions, func(in *cp.ListHarnessVersionsInput, of, next *string, n *int32) {
				in.HarnessId, in.MaxResults, in.NextToken = of, n, next
			}),
			get: getting(c.GetHarness, func(in *cp.GetHarnessInput, of, id *string) { in.HarnessId, in.HarnessVersion = of, id })},
		{name: "AgentRuntimeEndpoint", op: "ListAgentRuntimeEndpoints", list: "runtimeEndpoints", id: "name", inside: true,
			page: listing(c.ListAgentRuntimeEndpoints, func(in *cp.ListAgentRuntimeEndpointsInput, of, next *string, n *int32) {
				in.AgentRuntimeId, in.MaxResults, in.NextToken = of, n, next
			}),
			get: getting(c.GetAgentRuntimeEndpoint, func(in *cp.GetAgentRuntimeEndpointInput, of, id *string) { in.AgentRuntimeId, in.EndpointName = of, id })},
		{name: "AgentRuntimeVersion", op: "ListAgentRuntimeVersions", list: "agentRuntimes", id: "agentRuntimeVersion", inside: true, getOp: "GetAgentRuntime",
			page: listing(c.ListAgentRuntimeVersions, func(in *cp.ListAgentRuntimeVersionsInput, of, next *string, n *int32) {
				in.AgentRuntimeId, in.MaxResults, in.NextToken = of, n, next
			}),
			get: getting(c.GetAgentRuntime, func(in *cp.GetAgentRuntimeInput, of, id *string) { in.AgentRuntimeId, in.AgentRuntimeVersion = of, id })},
		{name: "Browser", op: "ListBrowsers", list: "browserSummaries", id: "browserId",
			page: listing(c.ListBrowsers, func(in *cp.ListBrowsersInput, _, next *string, n *int32) {
				in.MaxResults, in.NextToken, in.Type = n, next, types.ResourceTypeCustom
			}),
			get: getting(c.GetBrowser, func(in *cp.GetBrowserInput, _, id *string) { in.BrowserId = id })},
		{name: "BrowserProfile", op: "ListBrowserProfiles", list: "profileSummaries", id: "profileId",
			page: listing(c.ListBrowserProfiles, func(in *cp.ListBrowserProfilesInput, _, next *string, n *int32) {
				in.MaxResults, in.NextToken = n, next
			}),
			get: getting(c.GetBrowserProfile, func(in *cp.GetBrowserProfileInput, _, id *string) { in.ProfileId = id })},
		{name: "CodeInterpreter", op: "ListCodeInterpreters", list: "codeInterpreterSummaries", id: "codeInterpreterId",
			page: listing(c.ListCodeInterpreters, func(in *cp.ListCodeInterpretersInput, _, next *string, n *int32) {
				in.MaxResults, in.NextToken, in.Type = n, next, types.ResourceTypeCustom
			}),
			get: getting(c.GetCodeInterpreter, func(in *cp.GetCodeInterpreterInput, _, id *string) { in.CodeInterpreterId = id })},
		{name: "CapacityProvider", op: "ListCapacityProviders", list: "capacityProviders", id: "capacityProviderId",
			page: listing(c.ListCapacityProviders, func(in *cp.ListCapacityProvidersInput, _, next *string, n *int32) {
				in.MaxResults, in.NextToken = n, next
			}),
			get: getting(c.GetCapacityProvider, func(in *cp.GetCapacityProviderInput, _, id *string) { in.CapacityProviderId = id })},
		{name: "Evaluator", op: "ListEvaluators", list: "evaluators", id: "evaluatorId", label: "evaluatorName", service: builtin,
			page: listing(c.ListEvaluators, func(in *cp.ListEvaluatorsInput, _, next *string, n *int32) { in.MaxResults, in.NextToken = n, next }),
			get:  getting(c.GetEvaluator, func(in *cp.GetEvaluatorInput, _, id *string) { in.EvaluatorId = id })},
		{name: "OnlineEvaluationConfig", op: "ListOnlineEvaluationConfigs", list: "onlineEvaluationConfigs", id: "onlineEvaluationConfigId", label: "onlineEvaluationConfigName",
			page: listing(c.ListOnlineEvaluationConfigs, func(in *cp.ListOnlineEvaluationConfigsInput, _, next *string, n *int32) {
				in.MaxResults, in.NextToken = n, next
			}),
			get: getting(c.GetOnlineEvaluationConfig, func(in *cp.GetOnlineEvaluationConfigInput, _, id *string) { in.OnlineEvaluationConfigId = id })},
		{name: "ConfigurationBundle", op: "ListConfigurationBundles", list: "bundles", id: "bundleId", label: "bundleName", below: []string{"ConfigurationBundleVersion"},
			page: listing(c.ListConfigurationBundles, func(in *cp.ListConfigurationBundlesInput, _, next *string, n *int32) {
				in.MaxResults, in.NextToken = n, next
			}),
			get: getting(c.GetConfigurationBundle, func(in *cp.GetConfigurationBundleInput, _, id *string) { in.BundleId = id })},
		{name: "ConfigurationBundleVersion", op: "ListConfigurationBundleVersions", list: "versions", id: "versionId", inside: true,
			page: listing(c.ListConfigurationBundleVersions, func(in *cp.ListConfigurationBundleVersionsInput, of, next *string, n *int32) {
				in.BundleId, in.MaxResults, in.NextToken = of, n, next
			}),
			get: getting(c.GetConfigurationBundleVersion, func(in *cp.GetConfigurationBundleVersionInput, of, id *string) { in.BundleId, in.VersionId = of, id })},
		{name: "Dataset", op: "ListDatasets", list: "datasets", id: "datasetId", label: "datasetName", below: []string{"DatasetVersion", "DatasetExample"},
			page: listing(c.ListDatasets, func(in *cp.ListDatasetsInput, _, next *string, n *int32) { in.MaxResults, in.NextToken = n, next }),
			get:  getting(c.GetDataset, func(in *cp.GetDatasetInput, _, id *string) { in.DatasetId = id })},
		{name: "DatasetVersion", op: "ListDatasetVersions", list: "versions", id: "datasetVersion", inside: true, getOp: "GetDataset",
			page: listing(c.ListDatasetVersions, func(in *cp.ListDatasetVersionsInput, of, next *string, n *int32) {
				in.DatasetId, in.MaxResults, in.NextToken = of, n, next
			}),
			get: getting(c.GetDataset, func(in *cp.GetDatasetInput, of, id *string) { in.DatasetId, in.DatasetVersion = of, id })},
		{name: "DatasetExample", op: "ListDatasetExamples", list: "examples", inside: true,
			page: listing(c.ListDatasetExamples, func(in *cp.ListDatasetExamplesInput, of, next *string, n *int32) {
				in.DatasetId, in.MaxResults, in.NextToken = of, n, next
			})},
		{name: "ConsentPortal", op: "ListConsentPortals", list: "consentPortals", id: "consentPortalId",
			page: listing(c.ListConsentPortals, func(in *cp.ListConsentPortalsInput, _, next *string, n *int32) { in.MaxResults, in.NextToken = n, next }),
			get:  getting(c.GetConsentPortal, func(in *cp.GetConsentPortalInput, _, id *string) { in.ConsentPortalIdentifier = id })},
		{name: "Registry", op: "ListRegistries", list: "registries", id: "registryId", below: []string{"RegistryRecord"},
			page: listing(c.ListRegistries, func(in *cp.ListRegistriesInput, _, next *string, n *int32) { in.MaxResults, in.NextToken = n, next }),
			get:  getting(c.GetRegistry, func(in *cp.GetRegistryInput, _, id *string) { in.RegistryId = id })},
		{name: "RegistryRecord", op: "ListRegistryRecords", list: "registryRecords", id: "recordId", inside: true,
			page: listing(c.ListRegistryRecords, func(in *cp.ListRegistryRecordsInput, of, next *string, n *int32) {
				in.RegistryId, in.MaxResults, in.NextToken = of, n, next
			}),
			get: getting(c.GetRegistryRecord, func(in *cp.GetRegistryRecordInput, of, id *string) { in.RegistryId, in.RecordId = of, id })},
		{name: "PaymentCredentialProvider", op: "ListPaymentCredentialProviders", list: "credentialProviders", id: "name",
			page: listing(c.ListPaymentCredentialProviders, func(in *cp.ListPaymentCredentialProvidersInput, _, next *string, n *int32) {
				in.MaxResults, in.NextToken = n, next
			}),
			get: getting(c.GetPaymentCredentialProvider, func(in *cp.GetPaymentCredentialProviderInput, _, id *string) { in.Name = id })},
		{name: "PaymentManager", op: "ListPaymentManagers", list: "paymentManagers", id: "paymentManagerId", below: []string{"PaymentConnector"},
			page: listing(c.ListPaymentManagers, func(in *cp.ListPaymentManagersInput, _, next *string, n *int32) {
				in.MaxResults, in.NextToken = n, next
			}),
			get: getting(c.GetPaymentManager, func(in *cp.GetPaymentManagerInput, _, id *string) { in.PaymentManagerId = id })},
		{name: "PaymentConnector", op: "ListPaymentConnectors", list: "paymentConnectors", id: "paymentConnectorId", inside: true,
			page: listing(c.ListPaymentConnectors, func(in *cp.ListPaymentConnectorsInput, of, next *string, n *int32) {
				in.PaymentManagerId, in.MaxResults, in.NextToken = of, n, next
			}),
			get: getting(c.GetPaymentConnector, func(in *cp.GetPaymentConnectorInput, of, id *string) {
				in.PaymentManagerId, in.PaymentConnectorId = of, id
			})},
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
