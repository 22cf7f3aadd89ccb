package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"
	"github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol/types"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func engineKey(id string) string { return agentstate.Key("opaque", "policy-engine", id) }

// engineDoc is the part of a policy engine that is read.
type engineDoc struct {
	ID          string `json:"policyEngineId"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Key         string `json:"encryptionKeyArn,omitempty"`
	Status      string `json:"status,omitempty"`
}

func (d *engineDoc) version() string { return token(d.Name, d.Description) }

// engine is a policy engine of the target.
type engine struct {
	id       string // empty: a plan that would make it
	why      string // why no policy can go into it
	answer   replay.Receipt
	policies map[string]*policyDoc // by name; nil: not listed
}

// policyDoc is the part of a policy that is read.
type policyDoc struct {
	ID          string          `json:"policyId"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Mode        string          `json:"enforcementMode"`
	Status      string          `json:"status"`
	Definition  json.RawMessage `json:"definition"`
}

// version is of what a policy says, and of whether it decides.
func (d *policyDoc) version() string {
	return token(d.Name, d.Description, string(canonical(d.Definition)), d.Mode)
}

// statement is the text of what it says, and what makes a definition like its own of another; nil: it holds none.
func (d *policyDoc) statement() (text string, define func(text string) types.PolicyDefinition) {
	var u struct{ Cedar, Policy *struct{ Statement string } }
	switch err := json.Unmarshal(d.Definition, &u); {
	case err == nil && u.Cedar != nil:
		return u.Cedar.Statement, func(text string) types.PolicyDefinition {
			return &types.PolicyDefinitionMemberCedar{Value: types.CedarPolicy{Statement: &text}}
		}
	case err == nil && u.Policy != nil:
		return u.Policy.Statement, func(text string) types.PolicyDefinition {
			return &types.PolicyDefinitionMemberPolicy{Value: types.PolicyStatement{Statement: &text}}
		}
	}
	return "", nil
}

// A newPolicy is a policy as the target is to have it: text names gateways of the target.
type newPolicy struct {
	*policyDoc
	key, text string
	def       types.PolicyDefinition
}

// logs announces that something that decided only logs.
func logs(field string) fidelity.Loss {
	return loss(field, fidelity.Transformed, "made so that it only logs: a person sets it ACTIVE")
}

// engineOf answers for the record of a policy engine.
func (w *writer) engineOf(ctx context.Context, r *pb.Opaque) (replay.Receipt, error) {
	_, parts := agentstate.SplitKey(r.Meta.Key)
	if len(parts) != 2 || parts[0] != "policy-engine" {
		return w.byName(ctx, r, r.Meta.Native[0].GetType())
	}
	e, err := w.ensureEngine(ctx, parts[1], r)
	if err != nil {
		return replay.Receipt{}, err
	}
	return e.answer, nil
}

// ensureEngine finds or makes the policy engine that the source's becomes. No gateway asks it.
// A policy may come before the record of its engine.
func (w *writer) ensureEngine(ctx context.Context, id string, r *pb.Opaque) (*engine, error) {
	if e := w.engines[id]; e != nil && (e.answer.Action != 0 || r == nil) {
		return e, nil
	}
	e := &engine{}
	if r == nil && w.run.Source.Get != nil {
		got, err := w.run.Source.Get(ctx, engineKey(id))
		if err != nil && !errors.Is(err, agentstate.ErrNotFound) {
			return nil, err
		}
		r, _ = got.(*pb.Opaque)
	}
	if r == nil {
		e.why = "the archive does not hold its policy engine"
		w.engines[id] = e
		return e, nil
	}
	doc, err := w.native(ctx, r, "PolicyEngine")
	if err != nil {
		return nil, err
	}
	var d engineDoc
	if json.Unmarshal(doc, &d) != nil || d.Name == "" {
		e.why = "its policy engine has no native form"
		e.answer = refuse("its native form is no PolicyEngine")
		w.engines[id] = e
		return e, nil
	}
	if err := w.placeEngine(ctx, e, r, &d); err != nil {
		return nil, err
	}
	w.engines[id] = e
	return e, nil
}

// placeEngine makes the engine d, or finds it. As with a memory, the token of this run gives back
// what an earlier attempt of it made.
func (w *writer) placeEngine(ctx context.Context, e *engine, r *pb.Opaque, d *engineDoc) error {
	rc := replay.Receipt{Action: replay.Created, Losses: anew(), Version: d.version()}
	if d.Key != "" {
		rc.Losses = append(rc.Losses, loss("native", fidelity.Dropped, "encryptionKeyArn is of the source's account: the service's own key is used"))
	}
	if !w.run.DryRun {
		in := &cp.CreatePolicyEngineInput{Name: &d.Name, ClientToken: aws.String(token(w.run.ID, r.Meta.Key))}
		if d.Description != "" {
			in.Description = &d.Description
		}
		b, err := w.c.call(ctx, "CreatePolicyEngine", func(ctx context.Context) error {
			_, err := w.c.cp.CreatePolicyEngine(ctx, in)
			return err
		})
		var no *refused
		switch {
		case err == nil:
			var made engineDoc
			if err := object("CreatePolicyEngine", b, &made); err != nil {
				return err
			}
			if made.ID == "" {
				return fmt.Errorf("%w: CreatePolicyEngine: no id", ErrSchema)
			}
			if _, err := w.ready(ctx, w.sort("PolicyEngine"), "", made.ID); err != nil {
				return err
			}
			e.id, rc.Target = made.ID, engineKey(made.ID)
			e.answer = rc
			return nil
		case !errors.As(err, &no) || no.status >= 500:
			return err
		case no.status != 409:
			if e.answer = w.no(no); e.answer.Action == replay.Held {
				e.why = whyQuota
			} else {
				e.why = "its policy engine was not made"
			}
			return nil
		}
	}
	id, err := w.named(ctx, w.sort("PolicyEngine"), "", d.Name)
	if err != nil {
		return err
	}
	if id == "" && w.run.DryRun {
		e.answer = rc
		return nil
	}
	have := &engineDoc{}
	if id != "" {
		doc, err := w.c.get(ctx, w.sort("PolicyEngine"), "", id)
		if err != nil {
			return err
		}
		if err := object("GetPolicyEngine", doc, have); err != nil {
			return err
		}
	}
	if have.version() != d.version() {
		e.why = "its policy engine is another one in the target"
		e.answer = replay.Receipt{Action: replay.Conflict, Why: "a policy engine of this name is there, and differs in description"}
		return nil
	}
	rc.Action, rc.Target, rc.Version = replay.Same, engineKey(id), ""
	e.id, e.answer = id, rc
	return nil
}

var errNotMade = errors.New("agentcore: the service could not make it")

// ready waits until a policy engine or a policy is there, as long as for a memory, and gives what it is then.
func (w *writer) ready(ctx context.Context, s sort, parent, id string) (json.RawMessage, error) {
	for wait, end := 100*time.Millisecond, time.Now().Add(w.c.patience); ; wait = min(2*wait, 5*time.Second) {
		doc, err := w.c.get(ctx, s, parent, id)
		if err != nil {
			return nil, err
		}
		switch st, err := field(doc, "status"); {
		case err != nil:
			return nil, err
		case st == "ACTIVE":
			return doc, nil
		case strings.HasSuffix(st, "_FAILED"):
			return nil, fmt.Errorf("%w: %s is %s", errNotMade, s.place(parent, id), st)
		case time.Now().After(end):
			return nil, fmt.Errorf("%w: %s is %s for %s", ErrBusy, s.place(parent, id), st, w.c.patience)
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// policy makes a policy that only logs, whatever it did in the source.
func (w *writer) policy(ctx context.Context, r *pb.Policy) (replay.Receipt, error) {
	_, parts := agentstate.SplitKey(r.Meta.Key)
	if r.Meta.Native[0].GetType() == "ResourcePolicy" {
		return refuse("needs a person: it says who of the source's account may use " + parts[len(parts)-1] + "; give the target's own such a policy"), nil
	}
	doc, err := w.native(ctx, r, "Policy")
	var d policyDoc
	if err != nil || len(parts) != 2 || json.Unmarshal(doc, &d) != nil || d.Name == "" {
		return refuse("its native form is no Policy"), err
	}
	e, err := w.ensureEngine(ctx, parts[0], nil)
	if err != nil {
		return replay.Receipt{}, err
	}
	if e.why != "" {
		return closed(e.why), nil
	}
	rc := replay.Receipt{Action: replay.Created, Losses: anew()}
	if r.Enforced {
		rc.Losses = append(rc.Losses, logs("enforced"))
	}
	text, define := d.statement()
	if define == nil {
		return refuse("its definition holds no text: the service made it of a description, and keeps that to itself"), nil
	}
	to := map[string]string{}
	for from, id := range gatewayNames(text) {
		arn, err := w.gateway(ctx, id)
		if err != nil {
			return rc, err
		}
		if arn == "" { // the service asks the gateway whether it has the tools that a policy names
			return refuse("needs a person: it names gateway " + id + ", and the target has none of its name; make the gateway, and replay again"), nil
		}
		if to[from] = arn; arn != from {
			why := "it names the target's gateway of the same name"
			w.rewritten[r.Meta.Key] = []fidelity.Loss{loss("pattern", fidelity.Transformed, why), loss("scope_key", fidelity.Transformed, why)}
		}
	}
	// All at once: the ARN of one gateway may begin as that of another.
	text = gatewayARN().ReplaceAllStringFunc(text, func(from string) string { return to[from] })
	if len(w.rewritten[r.Meta.Key]) > 0 {
		rc.Losses = append(rc.Losses, loss("text", fidelity.Transformed, "it names the target's gateway of the same name"))
	}
	p := &newPolicy{&d, r.Meta.Key, text, define(text)}
	if answer, err := w.hasPolicy(ctx, e, p, rc); err != nil || answer.Action != 0 {
		return answer, err
	}
	if w.run.DryRun {
		return rc, nil
	}
	return w.makePolicy(ctx, e, p, rc)
}

// hasPolicy answers for a policy that the engine of the target has already.
func (w *writer) hasPolicy(ctx context.Context, e *engine, p *newPolicy, rc replay.Receipt) (replay.Receipt, error) {
	if e.id == "" {
		return replay.Receipt{}, nil
	}
	if e.policies == nil {
		listed := map[string]*policyDoc{}
		err := w.c.list(ctx, w.sort("Policy"), e.id, 100, func(doc json.RawMessage) error {
			var d policyDoc
			if err := object("ListPolicies", doc, &d); err != nil {
				return err
			}
			listed[d.Name] = &d
			return nil
		})
		if err != nil {
			return rc, err
		}
		e.policies = listed
	}
	have := e.policies[p.Name]
	if have == nil {
		return replay.Receipt{}, nil
	}
	if text, define := have.statement(); define == nil || text != p.text || have.Description != p.Description {
		return replay.Receipt{Action: replay.Conflict, Why: "a policy of this name is in the engine, and says something else"}, nil
	}
	if strings.HasSuffix(have.Status, "_FAILED") {
		return replay.Receipt{Action: replay.Conflict, Why: "a policy of this name is in the engine, and is " + have.Status}, nil
	}
	rc.Action, rc.Target = replay.Same, agentstate.Key("policy", e.id, have.ID)
	if w.run.Doubts(p.key) {
		if have.Mode != string(types.EnforcementModeLogOnly) { // broken off before makePolicy looked, or not of this run: not ours to delete
			return replay.Receipt{Action: replay.Conflict, Why: "a policy of this name and text is in the engine, and the service does not say that it only logs; this run may have made it: a person looks whether it may decide"}, nil
		}
		rc.Action, rc.Version = replay.Created, have.version()
	}
	return rc, nil
}

// makePolicy makes a policy and waits until the service has looked at it. The analyzer's findings do
// not stop it: who sets it ACTIVE has it analyzed anew.
func (w *writer) makePolicy(ctx context.Context, e *engine, p *newPolicy, rc replay.Receipt) (replay.Receipt, error) {
	in := &cp.CreatePolicyInput{PolicyEngineId: &e.id, Name: &p.Name, Definition: p.def, ClientToken: aws.String(token(w.run.ID, p.key)),
		EnforcementMode: types.EnforcementModeLogOnly, ValidationMode: types.PolicyValidationModeIgnoreAllFindings}
	if p.Description != "" {
		in.Description = &p.Description
	}
	b, err := w.c.call(ctx, "CreatePolicy", func(ctx context.Context) error {
		_, err := w.c.cp.CreatePolicy(ctx, in)
		return err
	})
	var no *refused
	switch {
	case errors.As(err, &no) && no.status == 409:
		return replay.Receipt{Action: replay.Conflict, Why: "a policy of this name is in another engine of the target"}, nil
	case errors.As(err, &no) && no.status < 500:
		return w.no(no), nil
	case err != nil:
		return rc, err
	}
	var made policyDoc
	if err := object("CreatePolicy", b, &made); err != nil {
		return rc, err
	}
	doc, err := w.ready(ctx, w.sort("Policy"), e.id, made.ID)
	var is policyDoc
	if err == nil {
		err = object("GetPolicy", doc, &is)
	}
	why := ""
	switch {
	case errors.Is(err, errNotMade):
		why = "the service finds it not valid here: it may name tools or a gateway that the target has not"
	case err != nil:
		return rc, err
	case is.Mode != string(types.EnforcementModeLogOnly): // an endpoint of before there were modes takes no notice of the one that is asked for
		why = "the service does not say that it only logs, and it would decide: it was taken away again; a person makes it"
	}
	if why != "" {
		if _, err := w.c.deletePolicy(ctx, e.id, made.ID); err != nil {
			return rc, err
		}
		return refuse(why), nil
	}
	rc.Target, rc.Version = agentstate.Key("policy", e.id, made.ID), made.version()
	if e.policies != nil {
		e.policies[p.Name] = &made
	}
	return rc, nil
}

func (c *client) deletePolicy(ctx context.Context, engine, id string) (why string, err error) {
	return c.delete(ctx, "DeletePolicy", func(ctx context.Context) error {
		_, err := c.cp.DeletePolicy(ctx, &cp.DeletePolicyInput{PolicyEngineId: &engine, PolicyId: &id})
		return err
	})
}
