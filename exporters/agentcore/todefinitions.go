package agentcore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/lazyre"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// definition answers for what belongs to the account. A workload identity is a name, a policy engine
// decides nothing before a person attaches it to a gateway, and a policy can be made so that it only
// logs: these are created. All else works from the moment on that it is made, with a role, a secret
// or an image of its account: a person makes it, and the next run finds it by its name.
func (w *writer) definition(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	if !w.own {
		return skip("AgentCore has no such thing"), nil
	}
	if w.s.o.Memory != "" {
		return skip("it belongs to the account, and the URL names one memory"), nil
	}
	n := r.GetMeta().GetNative()
	if len(n) == 0 && len(r.GetMeta().GetViewOfKeys()) == 0 {
		return skip("AgentCore has no such thing"), nil
	}
	var rc replay.Receipt
	var err error
	switch x := r.(type) {
	case *pb.Principal:
		rc, err = w.identity(ctx, x)
	case *pb.Opaque:
		rc, err = w.engineOf(ctx, x)
	case *pb.Policy:
		rc, err = w.policy(ctx, x)
	default:
		if len(n) == 0 {
			rc, err = w.viewOfDefinition(ctx, r)
		} else {
			rc, err = w.byName(ctx, r, n[0].GetType())
		}
	}
	var d *denied
	var no *refused
	if errors.As(err, &d) || errors.As(err, &no) && (no.status < 500 || no.unknown()) {
		return refuse(err.Error()), nil
	}
	return rc, err
}

// Foretell says of a definition that replay never makes what a person has to do, besides approving it.
func (w *writer) Foretell(ctx context.Context, r agentstate.Record) (why string, err error) {
	switch r.(type) {
	case *pb.ToolServer, *pb.Agent, *pb.Credential:
	default: // policies are made
		return "", nil
	}
	rc, err := w.definition(ctx, r)
	if rc.Action == replay.Refused {
		why = rc.Why
	}
	return why, err
}

// anew are the losses of a definition that is made, or found, in another account.
func anew(fields ...string) []fidelity.Loss {
	out := []fidelity.Loss{
		loss("native", fidelity.Transformed, "ids, ARNs and dates are the target's"),
		loss("meta.created_unix_nano", fidelity.Defaulted, "the date of the copy"),
		loss("meta.updated_unix_nano", fidelity.Defaulted, "the date of the copy"),
	}
	for _, f := range fields {
		out = append(out, loss(f, fidelity.Transformed, "the target's own"))
	}
	return out
}

// viewOfDefinition answers for a reading of a definition: it is where its definition is.
func (w *writer) viewOfDefinition(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	rc := comes("a reading of its definition: it comes with it")
	of := r.GetMeta().GetViewOfKeys()[0]
	target, err := w.targetOf(ctx, of)
	kind, parts := agentstate.SplitKey(r.GetMeta().GetKey())
	_, from := agentstate.SplitKey(of)
	if err != nil || target == "" || len(parts) < len(from) {
		return rc, err
	}
	_, to := agentstate.SplitKey(target)
	rc.Target = agentstate.Key(kind, append(slices.Clone(to), parts[len(from):]...)...)
	switch x := r.(type) {
	case *pb.ToolGrant:
		if agentstate.KindOfKey(of) == "policy" {
			rc.Losses = append([]fidelity.Loss{logs("enabled")}, w.rewritten[of]...)
		}
		if len(x.Meta.Labels) > 0 {
			rc.Losses = append(rc.Losses, loss("meta.labels", fidelity.Dropped, whyLabels))
		}
		if _, ok := w.run.Target(x.ToolKey); !ok && x.ToolKey != "" {
			rc.Losses = append(rc.Losses, loss("tool_key", fidelity.Dropped, "the target has no such tool"))
		}
	case *pb.ToolServer:
		rc.Losses = []fidelity.Loss{loss("location", fidelity.Transformed, "the target's own")}
	case *pb.Model:
		rc.Losses = []fidelity.Loss{loss("region", fidelity.Transformed, "the target's own")}
	}
	return rc, nil
}

// targetOf is the target's key of a definition; empty: it is not there. A reading of a definition may
// come before it.
func (w *writer) targetOf(ctx context.Context, key string) (string, error) {
	t, ok := w.run.Target(key)
	if kind := agentstate.KindOfKey(key); ok || w.run.Source.Get == nil || kind != "toolserver" && kind != "agent" && kind != "opaque" {
		return t, nil
	}
	r, err := w.run.Source.Get(ctx, key)
	if errors.Is(err, agentstate.ErrNotFound) {
		return "", nil
	}
	if err != nil || len(r.GetMeta().GetNative()) == 0 {
		return "", err
	}
	rc, err := w.byName(ctx, r, r.GetMeta().GetNative()[0].GetType())
	return rc.Target, err
}

// sort is how a sort of definition is listed and read.
func (w *writer) sort(name string) sort {
	all := w.c.sorts()
	if i := slices.IndexFunc(all, func(s sort) bool { return s.name == name }); i >= 0 {
		return all[i]
	}
	return sort{}
}

// named is the id of the definition of a sort that has a name; empty: there is none.
func (w *writer) named(ctx context.Context, s sort, parent, name string) (string, error) {
	at := s.name + "|" + parent
	if w.names[at] == nil {
		label := s.label
		if label == "" {
			label = "name"
		}
		ids := map[string]string{}
		err := w.c.list(ctx, s, parent, s.size, func(doc json.RawMessage) error {
			n, err := field(doc, label)
			if err != nil {
				return err
			}
			ids[n], err = field(doc, s.id)
			return err
		})
		if err != nil {
			return "", err
		}
		w.names[at] = ids
	}
	return w.names[at][name], nil
}

// byName finds the definition that a person has made for r.
func (w *writer) byName(ctx context.Context, r agentstate.Record, typ string) (replay.Receipt, error) {
	s := w.sort(typ)
	doc, err := w.native(ctx, r, typ)
	if err != nil || s.name == "" || doc == nil {
		return refuse("it has no native definition that this release knows"), err
	}
	name := ""
	switch r := r.(type) {
	case *pb.Credential:
		name = r.Name
	case *pb.ToolServer:
		name = r.Name
	case *pb.Agent:
		name = r.Name
	case *pb.Opaque:
		label := s.label
		if label == "" {
			label = "name"
		}
		name, _ = field(doc, label)
	}
	kind, parts := agentstate.SplitKey(r.GetMeta().GetKey())
	parent := ""
	if typ == "GatewayTarget" {
		t, err := w.targetOf(ctx, gatewayKey(parts[0]))
		if err != nil {
			return replay.Receipt{}, err
		}
		if t == "" {
			return refuse("needs a person: its gateway is not in the target; " + byHand(r, typ, doc)), nil
		}
		_, to := agentstate.SplitKey(t)
		parent = to[0]
	}
	id := ""
	if name != "" && (!s.inside || parent != "") {
		if id, err = w.named(ctx, s, parent, name); err != nil {
			return replay.Receipt{}, err
		}
	}
	if id == "" {
		return refuse("needs a person: " + byHand(r, typ, doc)), nil
	}
	have, err := w.c.get(ctx, s, parent, id)
	if err != nil {
		return replay.Receipt{}, err
	}
	clean, _ := disarm(have)
	if diff := unlike(typ, doc, clean); len(diff) > 0 {
		return replay.Receipt{Action: replay.Conflict, Why: fmt.Sprintf("one of this name is there, and differs in %v", diff)}, nil
	}
	to := append(slices.Clone(parts[:len(parts)-1]), id)
	if parent != "" {
		to[0] = parent
	}
	rc := replay.Receipt{Action: replay.Same, Target: agentstate.Key(kind, to...)}
	switch r.(type) {
	case *pb.Agent:
		rc.Losses = anew("version", "attachments", "tool_keys")
	case *pb.ToolServer:
		rc.Losses = append(anew("location", "credential_keys", "definition"), unguarded(doc, clean)...)
	case *pb.Opaque:
		rc.Losses = anew()
	default:
		rc.Losses = anew("location")
	}
	return rc, nil
}

// byHand says what a person has to do, and with what of the target's account.
func byHand(r agentstate.Record, typ string, doc json.RawMessage) string {
	var d struct {
		RoleArn, ExecutionRoleArn string
		AgentRuntimeArtifact      struct{ ContainerConfiguration struct{ ContainerURI string } }
	}
	_ = json.Unmarshal(doc, &d)
	role := "a role of the target's account"
	if arn := d.RoleArn + d.ExecutionRoleArn; arn != "" {
		role += " in place of " + arn
	}
	then := "; make one of this name, and replay again"
	switch typ {
	case "Gateway":
		return "a gateway answers from the moment on that it is made, and wants " + role + then
	case "GatewayTarget":
		return "a target can be called from the moment on that it is made, and names functions, endpoints and credential providers of its account" + then
	case "Harness":
		return "a harness can be called from the moment on that it is made, and wants " + role + then
	case "AgentRuntime":
		image := d.AgentRuntimeArtifact.ContainerConfiguration.ContainerURI
		if image == "" {
			image = "its code"
		}
		return "an agent runtime can be called from the moment on that it is made, and wants " + role + " and a copy of " + image + then
	}
	switch r := r.(type) {
	case *pb.Credential:
		return "no archive holds the secret: " + r.Rebind
	case *pb.Opaque:
		what := strings.ReplaceAll(dashed(typ), "-", " ")
		if strings.HasSuffix(typ, "Version") || typ == "DatasetExample" {
			return "a " + what + " comes with what it is of, and this release does not make it; its text is in the archive"
		}
		return "this release does not make a " + what + ": it works from the moment on that it is made, or names roles, buckets and keys of its account; its text is in the archive" + then
	}
	return "this release does not make it"
}

// What differs between accounts by nature; compiled once.
var anARN = lazyre.New(`arn:[^"\s]*|\b[0-9]{12}\.dkr\.ecr\.[a-z0-9.-]+`)

// unlike names the members in which two definitions of a sort differ, ARNs aside.
func unlike(typ string, a, b json.RawMessage) []string {
	members := map[string][]string{
		"Oauth2CredentialProvider": {"credentialProviderVendor"},
		"Gateway":                  {"description", "protocolType", "protocolConfiguration", "authorizerType", "authorizerConfiguration", "exceptionLevel"},
		"GatewayTarget":            {"description", "protocolType", "targetConfiguration", "metadataConfiguration"},
		"Harness":                  {"systemPrompt", "model", "tools", "allowedTools", "skills", "truncation", "maxIterations", "maxTokens", "timeoutSeconds", "authorizerConfiguration"},
		"AgentRuntime":             {"description", "protocolConfiguration", "agentRuntimeArtifact", "networkConfiguration", "authorizerConfiguration"},
	}
	var x, y map[string]json.RawMessage
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return []string{"form"}
	}
	if _, ok := members[typ]; !ok && typ != "ApiKeyCredentialProvider" {
		members[typ] = own(x, y)
	}
	var out []string
	for _, m := range members[typ] {
		if !alike(x[m], y[m]) {
			out = append(out, m)
		}
	}
	return out
}

// unguarded are the losses of a gateway that decides otherwise than the source's who may call what. It is there, and may be
// without a policy engine before its policies are made: to attach one is for a person.
func unguarded(was, is json.RawMessage) []fidelity.Loss {
	var out []fidelity.Loss
	var x, y map[string]json.RawMessage
	if json.Unmarshal(was, &x) != nil || json.Unmarshal(is, &y) != nil {
		return nil
	}
	for _, m := range []string{"policyEngineConfiguration", "interceptorConfigurations"} {
		if len(x[m]) > 0 && string(x[m]) != "null" && !alike(x[m], y[m]) {
			out = append(out, loss("native", fidelity.Dropped, m+" is another one in the target, or none: who may call its tools may be more; a person sets it"))
		}
	}
	return out
}

// alike tells whether two documents are the same, ARNs aside.
func alike(a, b json.RawMessage) bool {
	mask := func(doc json.RawMessage) []byte { return anARN().ReplaceAll(canonical(doc), []byte("arn")) }
	return bytes.Equal(mask(a), mask(b))
}

// own are the members of two definitions that a person has given: not ids, dates, states and addresses.
func own(docs ...map[string]json.RawMessage) []string {
	set := map[string]bool{}
	for _, d := range docs {
		for m := range d {
			low := strings.ToLower(m)
			made := slices.ContainsFunc([]string{"id", "arn", "at", "time", "url", "version", "status", "statusreason", "statuscode", "failurereason"}, func(end string) bool { return strings.HasSuffix(low, end) })
			if !made && low != "tags" {
				set[m] = true
			}
		}
	}
	return sortedKeys(set)
}

// doubt tells whether an earlier attempt of this run may have written r.
func (w *writer) doubt(r agentstate.Record) bool {
	return w.run.Doubts(r.GetMeta().GetKey())
}

// gatewayNames are the ids of the gateways that a text names by their ARNs.
func gatewayNames(text string) map[string]string {
	out := map[string]string{}
	for _, m := range gatewayARN().FindAllStringSubmatch(text, -1) {
		out[m[0]] = m[1]
	}
	return out
}

// gatewayARN finds gateways in the text of a policy; compiled once.
var gatewayARN = lazyre.New(`arn:aws[a-z-]*:bedrock-agentcore:[a-z0-9-]+:[0-9]{12}:gateway/([0-9a-z-]+)`)

// gateway is the ARN of the target's gateway that has the name of the source's; empty: there is none.
func (w *writer) gateway(ctx context.Context, id string) (arn string, err error) {
	name := ""
	if w.run.Source.Get != nil {
		r, err := w.run.Source.Get(ctx, gatewayKey(id))
		if err != nil && !errors.Is(err, agentstate.ErrNotFound) {
			return "", err
		}
		if t, ok := r.(*pb.ToolServer); ok {
			name = t.Name
		}
	}
	if i := strings.LastIndexByte(id, '-'); name == "" && i > 0 { // an id is the name and ten characters
		name = id[:i]
	}
	s := w.sort("Gateway")
	to, err := w.named(ctx, s, "", name)
	if err != nil || to == "" {
		return "", err
	}
	doc, err := w.c.get(ctx, s, "", to)
	if err != nil {
		return "", err
	}
	return field(doc, "gatewayArn")
}
