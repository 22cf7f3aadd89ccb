package agentstate_test

import (
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

func TestOwnLabels(t *testing.T) {
	m := &pb.Meta{Labels: []*pb.Label{{Name: "mode", Value: "executable"}, {Name: "exitramp:else", Value: "the runtime's"}}}
	agentstate.SetOwnLabel(m, agentstate.LabelSecrets, "1")
	agentstate.SetOwnLabel(m, agentstate.LabelSecrets, "2")
	agentstate.SetOwnLabel(m, agentstate.LabelRedacted, "3")
	if n := len(m.Labels); n != 4 || m.Labels[2].Value != "2" || !agentstate.IsOwnLabel(m.Labels[3]) {
		t.Errorf("labels %v", m.Labels)
	}
	agentstate.SetOwnLabel(m, agentstate.LabelRedacted, "")
	if len(m.Labels) != 3 {
		t.Errorf("labels %v", m.Labels)
	}
	agentstate.DropOwnLabels(m)
	if len(m.Labels) != 2 || agentstate.IsOwnLabel(m.Labels[1]) {
		t.Errorf("labels %v", m.Labels)
	}
	agentstate.DropOwnLabels(nil)
}
