package agentcore

import (
	"context"
	"strings"
	"testing"

	cp "github.com/aws/aws-sdk-go-v2/service/bedrockagentcorecontrol"
)

// A member that another release of the SDK does not have, or has of another type, is an error of the request, and no panic
// of the program that links this package.
func TestMembersOfAnotherSDK(t *testing.T) {
	type request struct {
		Name  *string
		Count *int64
	}
	name, n := "x", int32(1)
	if in, err := members[request]("", "Name")(&n, &name); err != nil || in.Name != &name || in.Count != nil {
		t.Errorf("%v %v", in, err)
	}
	for _, odd := range []string{"Gone", "Count"} {
		if _, err := members[request](odd)(&n); err == nil || !strings.Contains(err.Error(), "request: want a member "+odd+" of type *int32") {
			t.Errorf("%s: %v", odd, err)
		}
	}
}

// TestMembersOfThisSDK: the SDK that go.mod names has every member that the tables of definitions name.
func TestMembersOfThisSDK(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, s := range (&client{cp: cp.New(cp.Options{Region: "eu-west-1"})}).sorts() {
		if err := s.page(ctx, "parent", 1, nil); err == nil || strings.Contains(err.Error(), "want a member") {
			t.Errorf("%s: %v", s.name, err)
		}
		if s.get == nil {
			continue
		}
		if err := s.get(ctx, "parent", "name"); err == nil || strings.Contains(err.Error(), "want a member") {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}
