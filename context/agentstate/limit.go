package agentstate

import (
	"slices"
	"strings"

	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

const (
	labelEnforced = "enforced"
	notKnown      = "not known: "
)

// NotKnownEnforced is the label of a Policy, and of its ToolGrants, of which the runtime does not say whether it decides:
// it is not Enforced then, and they are not Enabled. state is what the runtime says.
func NotKnownEnforced(state string) *pb.Label {
	return &pb.Label{Name: labelEnforced, Value: notKnown + state}
}

// Limits tells whether g is a denial, or a rule to ask first, that is in force or may be: without it others allow more.
func Limits(g *pb.ToolGrant) bool {
	if g.GetEffect() != pb.ToolGrant_EFFECT_DENY && g.GetEffect() != pb.ToolGrant_EFFECT_ASK {
		return false
	}
	return g.Enabled || slices.ContainsFunc(g.GetMeta().GetLabels(), func(l *pb.Label) bool {
		return l.GetName() == labelEnforced && strings.HasPrefix(l.GetValue(), notKnown)
	})
}
