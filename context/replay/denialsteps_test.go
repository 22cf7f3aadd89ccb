package replay

import (
	"strconv"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestDenialsOfMany: grants and denials of many principals are told apart by looking each up: ten times as many take ten
// times as many steps, and not a hundred times.
func TestDenialsOfMany(t *testing.T) {
	steps := func(n int) int {
		s, g := newBeside(), newGuard(&Options{}, false)
		for i := range n {
			id := strconv.Itoa(i)
			who, a := agentstate.Key("principal", id), agentstate.Key("toolgrant", "a", id)
			g.approved[a] = true
			s.read(g, &pb.ToolGrant{Meta: &pb.Meta{Key: a}, PrincipalKey: who, ToolKey: "tool/x", Effect: pb.ToolGrant_EFFECT_ALLOW})
			for _, tool := range []string{"x", "y"} {
				if tool == "y" || i == 0 {
					s.read(g, &pb.ToolGrant{Meta: agentstate.Meta("toolgrant", nil, "d", tool, id), PrincipalKey: who, ToolKey: "tool/" + tool, Effect: pb.ToolGrant_EFFECT_DENY, Enabled: true})
				}
			}
		}
		s.principal = map[string]bool{} // each is a person
		if held := s.held(); len(held) != 1 || held["toolgrant/a/0"] != "toolgrant/d/x/0" {
			t.Errorf("of %d: %v are held", n, held)
		}
		return s.steps
	}
	few, many := steps(100), steps(1000)
	if few < 100 || many > 11*few {
		t.Errorf("%d steps for 100, %d for 1000", few, many)
	}
}
