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
			page: listing(c.ListGatewayRules, "GatewayIdentifier"), get: getting(c.GetGatewayRule, "GatewayIdentifier", "RuleId")},
		{name: "GatewayRateLimit", op: "ListGatewayRateLimits", list: "rateLimits", id: "rateLimitId", inside: true,
			page: listing(c.ListGatewayRateLimits, "GatewayIdentifier"), get: getting(c.GetGatewayRateLimit, "GatewayIdentifier", "RateLimitId")},
		{name: "HarnessEndpoint", op: "ListHarnessEndpoints", list: "endpoints", id: "endpointName", inside: true, wrapped: "endpoint",
			page: listing(c.ListHarnessEndpoints, "HarnessId"), get: getting(c.GetHarnessEndpoint, "HarnessId", "EndpointName")},
		{name: "HarnessVersion", op: "ListHarnessVersions", list: "harnessVersions", id: "harnessVersion", inside: true, getOp: "GetHarness", wrapped: "harness",
			page: listing(c.ListHarnessVersions, "HarnessId"), get: getting(c.GetHarness, "HarnessId", "HarnessVersion")},
		{name: "AgentRuntimeEndpoint", op: "ListAgentRuntimeEndpoints", list: "runtimeEndpoints", id: "name", inside: true,
			page: listing(c.ListAgentRuntimeEndpoints, "AgentRuntimeId"), get: getting(c.GetAgentRuntimeEndpoint, "AgentRuntimeId", "EndpointName")},
		{name: "AgentRuntimeVersion", op: "ListAgentRuntimeVersions", list: "agentRuntimes", id: "agentRuntimeVersion", inside: true, getOp: "GetAgentRuntime",
			page: listing(c.ListAgentRuntimeVersions, "AgentRuntimeId"), get: getting(c.GetAgentRuntime, "AgentRuntimeId", "AgentRuntimeVersion")},
		{name: "Browser", op: "ListBrowsers", list: "browserSummaries", id: "browserId",
			page: listing(c.ListBrowsers, "", func(in *cp.ListBrowsersInput) { in.Type = types.ResourceTypeCustom }), get: getting(c.GetBrowser, "", "BrowserId")},
		{name: "BrowserProfile", op: "ListBrowserProfiles", list: "profileSummaries", id: "profileId",
			page: listing(c.ListBrowserProfiles, ""), get: getting(c.GetBrowserProfile, "", "ProfileId")},
		{name: "CodeInterpreter", op: "ListCodeInterpreters", list: "codeInterpreterSummaries", id: "codeInterpreterId",
			page: listing(c.ListCodeInterpreters, "", func(in *cp.ListCodeInterpretersInput) { in.Type = types.ResourceTypeCustom }), get: getting(c.GetCodeInterpreter, "", "CodeInterpreterId")},
		{name: "CapacityProvider", op: "ListCapacityProviders", list: "capacityProviders", id: "capacityProviderId",
			page: listing(c.ListCapacityProviders, ""), get: getting(c.GetCapacityProvider, "", "CapacityProviderId")},
		{name: "Evaluator", op: "ListEvaluators", list: "evaluators", id: "evaluatorId", label: "evaluatorName", service: builtin,
			page: listing(c.ListEvaluators, ""), get: getting(c.GetEvaluator, "", "EvaluatorId")},
		{name: "OnlineEvaluationConfig", op: "ListOnlineEvaluationConfigs", list: "onlineEvaluationConfigs", id: "onlineEvaluationConfigId", label: "onlineEvaluationConfigName",
			page: listing(c.ListOnlineEvaluationConfigs, ""), get: getting(c.GetOnlineEvaluationConfig, "", "OnlineEvaluationConfigId")},
		{name: "ConfigurationBundle", op: "ListConfigurationBundles", list: "bundles", id: "bundleId", label: "bundleName", below: []string{"ConfigurationBundleVersion"},
			page: listing(c.ListConfigurationBundles, ""), get: getting(c.GetConfigurationBundle, "", "BundleId")},
		{name: "ConfigurationBundleVersion", op: "ListConfigurationBundleVersions", list: "versions", id: "versionId", inside: true,
			page: listing(c.ListConfigurationBundleVersions, "BundleId"), get: getting(c.GetConfigurationBundleVersion, "BundleId", "VersionId")},
		{name: "Dataset", op: "ListDatasets", list: "datasets", id: "datasetId", label: "datasetName", below: []string{"DatasetVersion", "DatasetExample"},
			page: listing(c.ListDatasets, ""), get: getting(c.GetDataset, "", "DatasetId")},
		{name: "DatasetVersion", op: "ListDatasetVersions", list: "versions", id: "datasetVersion", inside: true, getOp: "GetDataset",
			page: listing(c.ListDatasetVersions, "DatasetId"), get: getting(c.GetDataset, "DatasetId", "DatasetVersion")},
		{name: "DatasetExample", op: "ListDatasetExamples", list: "examples", inside: true,
			page: listing(c.ListDatasetExamples, "DatasetId")},
		{name: "ConsentPortal", op: "ListConsentPortals", list: "consentPortals", id: "consentPortalId",
			page: listing(c.ListConsentPortals, ""), get: getting(c.GetConsentPortal, "", "ConsentPortalIdentifier")},
		{name: "Registry", op: "ListRegistries", list: "registries", id: "registryId", below: []string{"RegistryRecord"},
			page: listing(c.ListRegistries, ""), get: getting(c.GetRegistry, "", "RegistryId")},
		{name: "RegistryRecord", op: "ListRegistryRecords", list: "registryRecords", id: "recordId", inside: true,
			page: listing(c.ListRegistryRecords, "RegistryId"), get: getting(c.GetRegistryRecord, "RegistryId", "RecordId")},
		{name: "PaymentCredentialProvider", op: "ListPaymentCredentialProviders", list: "credentialProviders", id: "name",
			page: listing(c.ListPaymentCredentialProviders, ""), get: getting(c.GetPaymentCredentialProvider, "", "Name")},
		{name: "PaymentManager", op: "ListPaymentManagers", list: "paymentManagers", id: "paymentManagerId", below: []string{"PaymentConnector"},
			page: listing(c.ListPaymentManagers, ""), get: getting(c.GetPaymentManager, "", "PaymentManagerId")},
		{name: "PaymentConnector", op: "ListPaymentConnectors", list: "paymentConnectors", id: "paymentConnectorId", inside: true,
			page: listing(c.ListPaymentConnectors, "PaymentManagerId"), get: getting(c.GetPaymentConnector, "PaymentManagerId", "PaymentConnectorId")},
	}
	for i := range all {
		s := &all[i]
		s.kind, s.also, s.size, s.put = "opaque", []string{"credential"}, 20, opaque(s.name)
		switch s.name {
		case "Dataset":
			s.put = opaque(s.name, suiteOf)
		case "DatasetExample":
			s.put = opaque(s.name, caseOf)
		}
	}
	return all
}

// opaque makes a record of a definition of a sort, whole, and what it is read as.
func opaque(name string, views ...func(o *pb.Opaque, doc json.RawMessage) []agentstate.Record) func(r *reading, parent, id string, raw json.RawMessage) error {
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
		recs := []agentstate.Record{o}
		for _, view := range views {
			recs = append(recs, view(o, doc)...)
		}
		return r.yield(recs...)
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
