package agentstate_test

import (
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func TestFromOperator(t *testing.T) {
	for _, m := range []*pb.Message{{Role: pb.Role_ROLE_SYSTEM}, {Role: 99}, {Role: pb.Role_ROLE_USER, NativeRole: " Developer"}, {NativeRole: "platform"}} {
		if !agentstate.FromOperator(m) {
			t.Errorf("%+v could pass for the operator's", m)
		}
	}
	for _, m := range []*pb.Message{{}, {Role: pb.Role_ROLE_USER}, {Role: pb.Role_ROLE_TOOL, NativeRole: "function"}} {
		if agentstate.FromOperator(m) {
			t.Errorf("%+v is not the operator's", m)
		}
	}
}
