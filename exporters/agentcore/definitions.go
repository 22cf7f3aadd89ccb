package agentcore

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol/types"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/internal/lazyre"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func native(typ string, doc json.RawMessage) *pb.Native {
	return agentstate.Document(typ, "application/json", doc)
}

// yield puts records. The tags of a definition are labels of its record,
// not of what is read out of it.
func (r *reading) yield(recs ...agentstate.Record) error {
	for _, rec := range recs {
		if m := rec.GetMeta(); r.tags != nil && len(m.GetNative()) > 0 {
			m.Labels, r.tags = append(m.Labels, r.tags...), nil
		}
		if !r.put(rec) {
			return r.e.Err()
		}
	}
	return nil
}

func object(op string, doc json.RawMessage, v any) error {
	if err := json.Unmarshal(doc, v); err != nil || string(bytes.TrimSpace(doc)) == "null" {
		return fmt.Errorf("%w: %s", ErrSchema, op)
	}
	return nil
}

func (r *reading) identity(_, id string, doc json.RawMessage) error {
	var d struct{ CreatedTime, LastUpdatedTime moment }
	if err := object("GetWorkloadIdentity", doc, &d); err != nil {
		return err
	}
	p := &pb.Principal{Meta: agentstate.Meta("principal", native("WorkloadIdentity", doc), "workload-identity", id, "name"), Form: pb.Principal_FORM_AGENT, Subject: id, Name: id}
	p.Meta.CreatedUnixNano, p.Meta.UpdatedUnixNano = nanos(d.CreatedTime), nanos(d.LastUpdatedTime)
	return r.yield(p)
}

func (r *reading) oauth2(_, id string, raw json.RawMessage) error {
	doc, found := disarm(raw)
	var d struct {
		ClientSecretArn                       struct{ SecretArn string }
		CredentialProviderVendor, CallbackURL string
		ClientSecretSource                    string
		CreatedTime, LastUpdatedTime          moment
	}
	if err := object("GetOauth2CredentialProvider", doc, &d); err != nil {
		return err
	}
	c := &pb.Credential{Meta: agentstate.Meta("credential", native("Oauth2CredentialProvider", doc), "oauth2", id), Name: id, Form: "oauth2", Provider: d.CredentialProviderVendor, Location: d.ClientSecretArn.SecretArn,
		Rebind: "make a client at the identity provider, give its id and secret to CreateOauth2CredentialProvider, and register the new callback URL; users consent again"}
	c.Meta.CreatedUnixNano, c.Meta.UpdatedUnixNano = nanos(d.CreatedTime), nanos(d.LastUpdatedTime)
	if err := r.taken(c.Meta.Key, found); err != nil {
		return err
	}
	return r.yield(c)
}

func (r *reading) apiKey(_, id string, doc json.RawMessage) error {
	var d struct {
		APIKeySecretArn              struct{ SecretArn string }
		CreatedTime, LastUpdatedTime moment
	}
	if err := object("GetApiKeyCredentialProvider", doc, &d); err != nil {
		return err
	}
	c := &pb.Credential{Meta: agentstate.Meta("credential", native("ApiKeyCredentialProvider", doc), "api-key", id), Name: id, Form: "api_key", Location: d.APIKeySecretArn.SecretArn,
		Rebind: "give the key to CreateApiKeyCredentialProvider"}
	c.Meta.CreatedUnixNano, c.Meta.UpdatedUnixNano = nanos(d.CreatedTime), nanos(d.LastUpdatedTime)
	return r.yield(c)
}

func gatewayKey(id string) string { return agentstate.Key("toolserver", id) }

func (r *reading) gateway(_, id string, raw json.RawMessage) error {
	doc, found := disarm(raw)
	var d struct {
		Name, GatewayURL, ProtocolType string
		CreatedAt, UpdatedAt           moment
	}
	if err := object("GetGateway", doc, &d); err != nil {
		return err
	}
	t := &pb.ToolServer{Meta: agentstate.Meta("toolserver", native("Gateway", doc), id), Name: d.Name, Protocol: "mcp+http", Location: d.GatewayURL}
	t.Meta.CreatedUnixNano, t.Meta.UpdatedUnixNano = nanos(d.CreatedAt), nanos(d.UpdatedAt)
	if err := r.taken(t.Meta.Key, found); err != nil {
		return err
	}
	return r.yield(t)
}

func (r *reading) target(gateway, id string, raw json.RawMessage) error {
	doc, found := disarm(raw)
	var d struct {
		Name, Description                string
		CreatedAt, UpdatedAt             moment
		TargetConfiguration              targetConfiguration
		CredentialProviderConfigurations []struct {
			CredentialProvider struct {
				OauthCredentialProvider, APIKeyCredentialProvider *struct{ ProviderArn string }
			}
		}
	}
	if err := object("GetGatewayTarget", doc, &d); err != nil {
		return err
	}
	t := &pb.ToolServer{Meta: agentstate.Meta("toolserver", native("GatewayTarget", doc), gateway, id), Name: d.Name}
	t.Meta.CreatedUnixNano, t.Meta.UpdatedUnixNano = nanos(d.CreatedAt), nanos(d.UpdatedAt)
	for _, c := range d.CredentialProviderConfigurations {
		if p := c.CredentialProvider.OauthCredentialProvider; p != nil {
			t.CredentialKeys = append(t.CredentialKeys, agentstate.Key("credential", "oauth2", lastOf(p.ProviderArn)))
		}
		if p := c.CredentialProvider.APIKeyCredentialProvider; p != nil {
			t.CredentialKeys = append(t.CredentialKeys, agentstate.Key("credential", "api-key", lastOf(p.ProviderArn)))
		}
	}
	tools := d.TargetConfiguration.read(t)
	key := t.Meta.Key
	if err := r.taken(key, found); err != nil {
		return err
	}
	if err := r.yield(t); err != nil { // from here on t is the reader's
		return err
	}
	var list []struct {
		Name, Description         string
		InputSchema, OutputSchema json.RawMessage
	}
	if tools != nil && json.Unmarshal(tools, &list) != nil {
		return fmt.Errorf("%w: GetGatewayTarget: its tools", ErrSchema)
	}
	seen := map[string]bool{}
	for i, x := range list {
		tool := &pb.Tool{Meta: agentstate.Meta("tool", nil, gateway, id, once(seen, x.Name, i)), Name: d.Name + "___" + x.Name, Description: x.Description, ServerKey: key}
		tool.Meta.ViewOfKeys = []string{key}
		if x.InputSchema != nil {
			tool.InputSchema = agentstate.Inline("application/json", x.InputSchema)
		}
		if x.OutputSchema != nil {
			tool.OutputSchema = agentstate.Inline("application/json", x.OutputSchema)
		}
		r.tools[gateway+"/"+tool.Name] = tool.Meta.Key
		if err := r.yield(tool); err != nil {
			return err
		}
	}
	return nil
}

// once is a name as a part of a key, which no other element of its list has.
func once(seen map[string]bool, name string, at int) string {
	for seen[name] {
		name = fmt.Sprintf("%s#%d", name, at+1)
	}
	seen[name] = true
	return name
}

// lastOf is the name at the end of an ARN.
func lastOf(arn string) string { return arn[strings.LastIndexAny(arn, "/:")+1:] }

func (r *reading) policyEngine(_, id string, doc json.RawMessage) error {
	var d struct{ CreatedAt, UpdatedAt moment }
	if err := object("GetPolicyEngine", doc, &d); err != nil {
		return err
	}
	o := &pb.Opaque{Meta: agentstate.Meta("opaque", native("PolicyEngine", doc), "policy-engine", id)}
	o.Meta.CreatedUnixNano, o.Meta.UpdatedUnixNano = nanos(d.CreatedAt), nanos(d.UpdatedAt)
	return r.yield(o)
}

func (r *reading) policy(engine, id string, doc json.RawMessage) error {
	var d struct {
		Name, EnforcementMode, Status string
		CreatedAt, UpdatedAt          moment
		Definition                    struct{ Cedar, Policy *struct{ Statement string } }
	}
	if err := object("GetPolicy", doc, &d); err != nil {
		return err
	}
	p := &pb.Policy{Meta: agentstate.Meta("policy", native("Policy", doc), engine, id), Name: d.Name}
	switch enforced, known := enforces(d.EnforcementMode, d.Status); {
	case known:
		p.Enforced = enforced
	default:
		p.Meta.Labels = []*pb.Label{agentstate.NotKnownEnforced(strings.TrimSpace(d.Status + " " + d.EnforcementMode))}
	}
	p.Meta.CreatedUnixNano, p.Meta.UpdatedUnixNano = nanos(d.CreatedAt), nanos(d.UpdatedAt)
	text := ""
	switch {
	case d.Definition.Cedar != nil:
		p.Language, text = "cedar", d.Definition.Cedar.Statement
	case d.Definition.Policy != nil: // Cedar, and more: conditions of time, guardrails
		p.Language, text = "dogwood", d.Definition.Policy.Statement
	}
	if text != "" {
		p.Text = agentstate.Inline("text/plain", []byte(text))
	}
	if g := grant(p, text); g != nil {
		if len(g.Scopes) == 1 && g.ScopeKey != "" {
			_, parts := agentstate.SplitKey(g.ScopeKey)
			g.ToolKey = r.tools[parts[0]+"/"+g.Scopes[0]]
		}
		return r.yield(p, g)
	}
	return r.yield(p)
}

// enforces tells whether a policy decides; known is false where its mode and status do not say it: one that is changed or
// taken away, or where that failed, may decide by what it said before, which no answer has.
func enforces(mode, status string) (enforced, known bool) {
	switch {
	case mode == string(types.EnforcementModeLogOnly), status == string(types.PolicyStatusCreating), status == string(types.PolicyStatusCreateFailed):
		return false, true
	case mode != "" && mode != string(types.EnforcementModeActive), status != string(types.PolicyStatusActive):
		return false, false
	}
	return true, true
}

// simple is a Cedar policy that one grant says as well. Anything else stays text. Compiled once.
var simple = lazyre.New(`(?s)^\s*(permit|forbid)\s*\(\s*principal(?:\s*(?:==|is)\s*([^,"]+(?:"[^"]*")?))?\s*,\s*action(?:\s*==\s*[\w:]*Action::"([^"]+)")?\s*,\s*resource(?:\s*==\s*[\w:]*::"([^"]+)")?\s*\)\s*(?:when\s*\{(.*)\})?\s*;\s*$`)

func grant(p *pb.Policy, text string) *pb.ToolGrant {
	m := simple().FindStringSubmatch(text)
	if m == nil || !oneBlock(m[5]) {
		return nil
	}
	_, parts := agentstate.SplitKey(p.Meta.Key)
	g := &pb.ToolGrant{Meta: agentstate.Meta("toolgrant", nil, parts...), PolicyKey: p.Meta.Key, PatternDialect: p.Language, Pattern: strings.TrimSpace(text), Enabled: p.Enforced,
		Effect: pb.ToolGrant_EFFECT_ALLOW, ApprovalMode: pb.ToolGrant_APPROVAL_MODE_NEVER}
	g.Meta.ViewOfKeys, g.Meta.Labels = []string{p.Meta.Key}, p.Meta.Labels // also that nobody knows whether it decides
	if m[1] == "forbid" {
		g.Effect = pb.ToolGrant_EFFECT_DENY
	}
	if m[3] != "" {
		g.Scopes = []string{m[3]}
	}
	if m[4] != "" {
		g.ScopeKey = gatewayKey(lastOf(m[4]))
	}
	if c := strings.TrimSpace(m[5]); c != "" {
		g.Constraints = agentstate.Inline("text/plain", []byte(c))
	}
	return g
}

// oneBlock tells whether text is the inside of one pair of braces: no second condition is behind it.
func oneBlock(text string) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth < 0 {
				return false
			}
		}
	}
	return depth == 0 && !quoted
}

// secretive are members whose values may be secrets, wherever they stand in a definition.
func secretive(name string) bool {
	switch strings.ToLower(name) {
	case "environmentvariables", "headers", "queryparameters", "customparameters", "additionalheaderclaims", "additionalpayloadclaims", "additionalparams":
		return true
	}
	return false
}

// isAddress tells whether a member is a URL.
func isAddress(name string) bool {
	name = strings.ToLower(name)
	return name == "apibase" || strings.HasSuffix(name, "endpoint") || strings.HasSuffix(name, "url")
}

// isSchema tells whether a member is the schema of a tool: what it has of the names of secrets are names of its arguments.
func isSchema(name string) bool {
	name = strings.ToLower(name)
	return name == "inputschema" || name == "outputschema"
}

// disarm empties the values of what may be secret in doc, and tells where they stood. Without any,
// doc is as it was.
func disarm(doc json.RawMessage) (json.RawMessage, []string) {
	var v any
	d := json.NewDecoder(strings.NewReader(string(doc)))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return json.RawMessage(`{}`), nil
	}
	var found []string
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, k := range sortedKeys(v) {
				at := strings.TrimPrefix(path+"."+k, ".")
				if _, ok := v[k].(map[string]any); ok && isSchema(k) {
					continue
				}
				if secretive(k) {
					if m, ok := v[k].(map[string]any); ok {
						for _, n := range sortedKeys(m) {
							m[n] = ""
							found = append(found, at+"."+n)
						}
						continue
					}
					if v[k] != nil {
						v[k] = nil
						found = append(found, at)
					}
					continue
				}
				if u, ok := v[k].(string); ok && isAddress(k) {
					if i := strings.IndexAny(u, "?@"); i >= 0 { // a token in the query, a password before the host
						v[k] = u[:strings.IndexAny(u, "/?@")+1]
						if j := strings.IndexByte(u, '?'); j >= 0 && !strings.Contains(u[:j], "@") {
							v[k] = u[:j]
						}
						found = append(found, at)
					}
					continue
				}
				walk(at, v[k])
			}
		case []any:
			for i, x := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), x)
			}
		}
	}
	walk("", v)
	if len(found) == 0 {
		return doc, nil
	}
	b, err := marshal(v)
	if err != nil {
		return json.RawMessage(`{}`), found
	}
	return b, found
}

// taken yields references to what was taken out of the definition under the key of.
func (r *reading) taken(of string, found []string) error {
	_, parts := agentstate.SplitKey(of)
	for _, at := range found {
		form := "header"
		if strings.HasPrefix(strings.ToLower(at), "environment") {
			form = "env"
		}
		c := &pb.Credential{Meta: agentstate.Meta("credential", nil, append(slices.Clone(parts), at)...), Name: at[strings.LastIndex(at, ".")+1:], Form: form, Location: at, Rebind: "set its value in the target"}
		c.Meta.ViewOfKeys = []string{of}
		r.pos.Relisted["credential"]++
		if err := r.yield(c); err != nil {
			return err
		}
	}
	return nil
}
