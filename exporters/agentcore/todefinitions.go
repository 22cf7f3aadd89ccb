package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// definition answers for what belongs to the account, and for what there is no place for. A workload
// identity is a name and can be made. The rest names roles, secrets, functions and gateways of the
// source's account: a person makes it, from what the archive says.
func (w *writer) definition(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	if !w.own {
		return skip("AgentCore has no such thing"), nil
	}
	switch r := r.(type) {
	case *pb.Principal:
		return w.identity(ctx, r)
	case *pb.Credential:
		return refuse("a reference to a secret that no archive holds: " + r.Rebind), nil
	case *pb.Tool, *pb.ToolGrant, *pb.Model:
		return skip("a reading of its definition"), nil
	case *pb.Policy, *pb.ToolServer, *pb.Agent, *pb.Opaque:
		return refuse("it names roles and resources of the source's account: this release does not write it; exitramp show prints it"), nil
	}
	return skip("AgentCore has no such thing"), nil
}

type identityDoc struct {
	Name string   `json:"name"`
	URLs []string `json:"allowedResourceOauth2ReturnUrls"`
}

// identity makes a workload identity, or finds it by its name.
func (w *writer) identity(ctx context.Context, r *pb.Principal) (replay.Receipt, error) {
	doc, err := w.native(ctx, r, "WorkloadIdentity")
	var d identityDoc
	if err != nil || json.Unmarshal(doc, &d) != nil || d.Name == "" {
		return refuse("it has no native workload identity"), err
	}
	if w.s.o.Memory != "" {
		return skip("it belongs to the account, and the URL names one memory"), nil
	}
	rc := replay.Receipt{Action: replay.Created, Target: r.Meta.Key, Losses: []fidelity.Loss{
		loss("native", fidelity.Transformed, "ARN and dates are the service's"),
		loss("meta.created_unix_nano", fidelity.Defaulted, "the date of the copy"),
		loss("meta.updated_unix_nano", fidelity.Defaulted, "the date of the copy"),
	}}
	b, err := w.c.call(ctx, "GetWorkloadIdentity", func(ctx context.Context) error {
		_, err := w.c.cp.GetWorkloadIdentity(ctx, &cp.GetWorkloadIdentityInput{Name: &d.Name})
		return err
	})
	switch {
	case gone(err):
	case err != nil:
		return rc, err
	default:
		var have identityDoc
		if err := object("GetWorkloadIdentity", b, &have); err != nil {
			return rc, err
		}
		if !slices.Equal(have.URLs, d.URLs) {
			return replay.Receipt{Action: replay.Conflict, Why: "a workload identity of this name is there, and differs in allowedResourceOauth2ReturnUrls"}, nil
		}
		if rc.Action = replay.Same; w.run.InDoubt != nil && w.run.InDoubt(r.Meta.Key) {
			rc.Action = replay.Created
		}
		return rc, nil
	}
	if w.run.DryRun {
		return rc, nil
	}
	_, err = w.c.call(ctx, "CreateWorkloadIdentity", func(ctx context.Context) error {
		_, err := w.c.cp.CreateWorkloadIdentity(ctx, &cp.CreateWorkloadIdentityInput{Name: &d.Name, AllowedResourceOauth2ReturnUrls: d.URLs})
		return err
	})
	var no *refused
	if errors.As(err, &no) && no.status < 500 {
		return refuse(no.Error()), nil
	}
	return rc, err
}
