package agentcore

import (
	"context"
	"encoding/json"
	"errors"

	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// tagsOf are the tags of a definition, as labels. An endpoint that knows no tags, or knows none of
// this one, has none; a denial, a failure and an answer that is none are errors.
func (c *client) tagsOf(ctx context.Context, s sort, doc json.RawMessage) ([]*pb.Label, error) {
	if s.arn == "" {
		return nil, nil
	}
	arn, err := field(doc, s.arn)
	if err != nil {
		return nil, nil
	}
	b, err := c.call(ctx, "ListTagsForResource", func(ctx context.Context) error {
		_, err := c.cp.ListTagsForResource(ctx, &cp.ListTagsForResourceInput{ResourceArn: &arn})
		return err
	})
	if none(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []*pb.Label
	var d struct{ Tags map[string]string }
	if err := object("ListTagsForResource", b, &d); err != nil {
		return nil, err
	}
	for _, k := range sortedKeys(d.Tags) {
		out = append(out, &pb.Label{Name: k, Value: d.Tags[k]})
	}
	return out, nil
}

// around reads what belongs to a definition and is not in it: its tags, which the next record gets
// as labels, and the policy of who may use it.
func (r *reading) around(ctx context.Context, s sort, id string, doc json.RawMessage) error {
	tags, err := r.c.tagsOf(ctx, s, doc)
	if err != nil {
		if err := r.gap(s.kind, s.name+"/"+id+"/tags", err); err != nil {
			return err
		}
	}
	r.tags = tags
	b, text, err := r.c.policyOf(ctx, s, doc)
	if err != nil {
		return r.gap("policy", s.name+"/"+id+"/policy", err)
	}
	if text == "" {
		return nil
	}
	p := &pb.Policy{Meta: agentstate.Meta("policy", native("ResourcePolicy", b), "of", dashed(s.name), id), Name: "who may use " + id, Language: "iam", Enforced: true}
	p.Text = agentstate.Inline("application/json", []byte(text))
	r.pos.Relisted["policy"]++
	held := r.tags
	r.tags = nil
	err = r.yield(p)
	r.tags = held
	return err
}

// none tells whether a refusal says that there is nothing, and not that the service failed: a failure of it has a code, or
// is of what stands before it. A 500 without a code is of an endpoint that does not have the operation.
func none(err error) bool {
	var no *refused
	return errors.As(err, &no) && (no.status < 500 || no.unknown() || no.status == 500 && (no.code == "" || no.code == "UnknownError"))
}

// policyOf is the answer that says who may use a definition, and the policy in it; empty: there is
// none, or the endpoint knows of none. A denial, a failure and an answer that is none are errors.
func (c *client) policyOf(ctx context.Context, s sort, doc json.RawMessage) (json.RawMessage, string, error) {
	if !s.guarded {
		return nil, "", nil
	}
	arn, err := field(doc, s.arn)
	if err != nil {
		return nil, "", nil
	}
	b, err := c.call(ctx, "GetResourcePolicy", func(ctx context.Context) error {
		_, err := c.cp.GetResourcePolicy(ctx, &cp.GetResourcePolicyInput{ResourceArn: &arn})
		return err
	})
	if none(err) {
		return nil, "", nil
	}
	var d struct{ Policy string }
	if err == nil {
		err = object("GetResourcePolicy", b, &d)
	}
	if err != nil {
		return nil, "", err
	}
	return b, d.Policy, nil
}

// builtin tells whether an evaluator is the service's own.
func builtin(entry json.RawMessage) bool {
	kind, err := field(entry, "evaluatorType")
	return err == nil && kind == "Builtin"
}
