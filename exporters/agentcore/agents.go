package agentcore

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// agent yields a definition of an agent, its model and tools, and references to what was taken out.
func (r *reading) agent(a *pb.Agent, model *pb.Model, found []string, views ...agentstate.Record) error {
	if model != nil {
		model.Meta.ViewOfKeys = []string{a.Meta.Key}
		a.ModelKey = model.Meta.Key
	}
	if err := r.taken(a.Meta.Key, found); err != nil {
		return err
	}
	if err := r.yield(a); err != nil { // from here on a is the reader's
		return err
	}
	if model != nil {
		views = append(views, model)
	}
	for _, v := range views {
		if _, ok := v.(*pb.ToolServer); ok {
			r.pos.Relisted["toolserver"]++
		}
		if err := r.yield(v); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) harness(_, id string, raw json.RawMessage) error {
	doc, found := disarm(raw)
	var d struct {
		HarnessName, HarnessVersion string
		CreatedAt, UpdatedAt        moment
		SystemPrompt                []struct{ Text string }
		Model                       map[string]json.RawMessage
		Tools                       []harnessTool
		AllowedTools                []string
		Memory                      struct {
			AgentCoreMemoryConfiguration, ManagedMemoryConfiguration struct{ Arn string }
		}
	}
	if err := object("GetHarness", doc, &d); err != nil {
		return err
	}
	a := &pb.Agent{Meta: agentstate.Meta("agent", native("Harness", doc), "harness", id), Name: d.HarnessName, Version: d.HarnessVersion}
	a.Meta.CreatedUnixNano, a.Meta.UpdatedUnixNano = nanos(d.CreatedAt), nanos(d.UpdatedAt)
	var prompt []string
	for _, p := range d.SystemPrompt {
		prompt = append(prompt, p.Text)
	}
	if text := strings.Join(prompt, "\n"); text != "" {
		a.Instructions = agentstate.Inline("text/plain", []byte(text))
		h := sha256.Sum256([]byte(text))
		a.PromptSha256 = hex.EncodeToString(h[:])
	}
	var model *pb.Model
	for _, k := range sortedKeys(d.Model) {
		var m struct{ ModelID string }
		if json.Unmarshal(d.Model[k], &m) == nil && m.ModelID != "" {
			model = &pb.Model{Meta: agentstate.Meta("model", nil, "harness", id), Provider: strings.TrimSuffix(k, "ModelConfig"), RequestedId: m.ModelID,
				Parameters: agentstate.Inline("application/json", d.Model[k]), Region: r.s.o.Region}
		}
	}
	for _, arn := range []string{d.Memory.AgentCoreMemoryConfiguration.Arn, d.Memory.ManagedMemoryConfiguration.Arn} {
		if arn != "" {
			a.Attachments = append(a.Attachments, &pb.Attachment{TargetKey: memoryKey(lastOf(arn))})
		}
	}
	var views []agentstate.Record
	seen := map[string]bool{}
	for i, x := range d.Tools {
		views = append(views, x.read(a, id, i, found, seen)...)
	}
	for i, pattern := range d.AllowedTools {
		g := &pb.ToolGrant{Meta: agentstate.Meta("toolgrant", nil, "harness", id, strconv.Itoa(i)), Pattern: pattern, PatternDialect: "agentcore-harness", Effect: pb.ToolGrant_EFFECT_ALLOW,
			ApprovalMode: pb.ToolGrant_APPROVAL_MODE_NEVER, Enabled: true, ScopeKey: a.Meta.Key}
		g.Meta.ViewOfKeys = []string{a.Meta.Key}
		views = append(views, g)
	}
	return r.agent(a, model, found, views...)
}

// harnessTool is a tool of a harness, as it is configured.
type harnessTool struct {
	Name, Type string
	Config     struct {
		RemoteMCP        *struct{ URL string }
		AgentCoreGateway *struct{ GatewayArn string }
		InlineFunction   *struct {
			Description string
			InputSchema json.RawMessage
		}
	}
}

// read ties the tool to its agent: a gateway is there already; a server elsewhere, a function and the
// service's own tools are readings of the agent.
func (x *harnessTool) read(a *pb.Agent, id string, i int, found []string, seen map[string]bool) []agentstate.Record {
	name := x.Name
	if name == "" {
		name = x.Type
	}
	switch c := x.Config; {
	case c.AgentCoreGateway != nil:
		a.ToolServerKeys = append(a.ToolServerKeys, gatewayKey(lastOf(c.AgentCoreGateway.GatewayArn)))
		return nil
	case c.RemoteMCP != nil:
		t := &pb.ToolServer{Meta: agentstate.Meta("toolserver", nil, "harness", id, once(seen, name, i)), Name: name, Protocol: "mcp+http", Location: c.RemoteMCP.URL}
		t.Meta.ViewOfKeys = []string{a.Meta.Key}
		for _, at := range found {
			if strings.HasPrefix(at, fmt.Sprintf("tools[%d].", i)) {
				t.CredentialKeys = append(t.CredentialKeys, agentstate.Key("credential", "harness", id, at))
			}
		}
		a.ToolServerKeys = append(a.ToolServerKeys, t.Meta.Key)
		return []agentstate.Record{t}
	}
	t := &pb.Tool{Meta: agentstate.Meta("tool", nil, "harness", id, once(seen, name, i)), Name: name}
	t.Meta.ViewOfKeys = []string{a.Meta.Key}
	if f := x.Config.InlineFunction; f != nil {
		t.Description = f.Description
		if f.InputSchema != nil {
			t.InputSchema = agentstate.Inline("application/json", f.InputSchema)
		}
	}
	a.ToolKeys = append(a.ToolKeys, t.Meta.Key)
	return []agentstate.Record{t}
}

func (r *reading) agentRuntime(_, id string, raw json.RawMessage) error {
	doc, found := disarm(raw)
	var d struct {
		AgentRuntimeName, AgentRuntimeVersion, Description string
		CreatedAt, LastUpdatedAt                           moment
		WorkloadIdentityDetails                            struct{ WorkloadIdentityArn string }
	}
	if err := object("GetAgentRuntime", doc, &d); err != nil {
		return err
	}
	a := &pb.Agent{Meta: agentstate.Meta("agent", native("AgentRuntime", doc), "runtime", id), Name: d.AgentRuntimeName, Version: d.AgentRuntimeVersion, Description: d.Description}
	a.Meta.CreatedUnixNano, a.Meta.UpdatedUnixNano = nanos(d.CreatedAt), nanos(d.LastUpdatedAt)
	if w := d.WorkloadIdentityDetails.WorkloadIdentityArn; w != "" {
		a.PrincipalKey = agentstate.Key("principal", "workload-identity", lastOf(w), "name")
	}
	return r.agent(a, nil, found)
}
