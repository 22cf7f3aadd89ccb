package agentcore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"

	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

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
	rc := replay.Receipt{Action: replay.Created, Target: r.Meta.Key, Losses: anew()}
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
		if rc.Action = replay.Same; w.doubt(r) {
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
		return w.no(no), nil
	}
	return rc, err
}
