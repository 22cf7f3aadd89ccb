package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"

	"github.com/exitramp/exitramp/context/replay"
)

// getDoc is the answer of a Get operation of the control plane; nil: it is gone.
func (c *client) getDoc(ctx context.Context, op string, f func(ctx context.Context) error) (json.RawMessage, error) {
	doc, err := c.call(ctx, op, f)
	if gone(err) {
		return nil, nil
	}
	return doc, err
}

// undoPolicy removes a policy that is as version says.
func (c *client) undoPolicy(ctx context.Context, engine, id, version string) (why string, err error) {
	doc, err := c.getDoc(ctx, "GetPolicy", func(ctx context.Context) error {
		_, err := c.cp.GetPolicy(ctx, &cp.GetPolicyInput{PolicyEngineId: &engine, PolicyId: &id})
		return err
	})
	switch {
	case err != nil:
		return "", err
	case doc == nil:
		return replay.Gone, nil
	}
	var p policyDoc
	if err := object("GetPolicy", doc, &p); err != nil {
		return "", err
	}
	if p.version() != version {
		return "changed since the run", nil
	}
	return c.deletePolicy(ctx, engine, id)
}

// undoEngine removes a policy engine that is as version says, and holds nothing. What was deleted
// is listed for a while.
func (c *client) undoEngine(ctx context.Context, id, version string, settle time.Duration) (why string, err error) {
	doc, err := c.getDoc(ctx, "GetPolicyEngine", func(ctx context.Context) error {
		_, err := c.cp.GetPolicyEngine(ctx, &cp.GetPolicyEngineInput{PolicyEngineId: &id})
		return err
	})
	switch {
	case err != nil:
		return "", err
	case doc == nil:
		return replay.Gone, nil
	}
	var e engineDoc
	if err := object("GetPolicyEngine", doc, &e); err != nil {
		return "", err
	}
	if e.version() != version {
		return "changed since the run", nil
	}
	end := time.Now().Add(settle)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		n := 0
		_, err := c.call(ctx, "ListPolicies", func(ctx context.Context) error {
			o, err := c.cp.ListPolicies(ctx, &cp.ListPoliciesInput{PolicyEngineId: &id})
			if err == nil {
				n = len(o.Policies)
			}
			return err
		})
		if gone(err) {
			return replay.Gone, nil
		}
		if err != nil {
			return "", err
		}
		if n == 0 {
			break
		}
		if time.Now().After(end) {
			return "it holds policies that the run did not write", nil
		}
		if err := sleep(ctx, wait); err != nil {
			return "", err
		}
	}
	why, err = c.delete(ctx, "DeletePolicyEngine", func(ctx context.Context) error {
		_, err := c.cp.DeletePolicyEngine(ctx, &cp.DeletePolicyEngineInput{PolicyEngineId: &id})
		return err
	})
	var no *refused
	if errors.As(err, &no) && no.status == 409 {
		return "in use: a gateway asks it", nil
	}
	return why, err
}
