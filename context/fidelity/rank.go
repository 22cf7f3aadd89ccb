package fidelity

import (
	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// rank is 2 for what a runtime takes for words of its operator, or always shows to the model, 1 for
// words of a person, and 0 for the rest: what a model or a tool said commands nobody. A grant that
// allows is 2, one that asks 1, and one that denies 0.
func rank(r agentstate.Record) byte {
	switch r := r.(type) {
	case *pb.Message:
		if agentstate.FromOperator(r) {
			return 2
		}
		if r.Role == pb.Role_ROLE_USER {
			return 1
		}
	case *pb.ToolGrant:
		switch r.Effect {
		case pb.ToolGrant_EFFECT_ALLOW:
			return 2
		case pb.ToolGrant_EFFECT_ASK:
			return 1
		}
	case *pb.Memory:
		if r.Form == pb.Memory_FORM_BLOCK {
			return 2
		}
	}
	return 0
}

// limits tells whether r is a denial that is in force or may be, or such a rule to ask first: without it others allow more.
func limits(r agentstate.Record) bool {
	g, ok := r.(*pb.ToolGrant)
	return ok && agentstate.Limits(g)
}

// granted is the highest rank of the grants in force in a state. Whether one of them is about what a limit is about is
// not asked.
type granted byte

func (g *granted) add(r agentstate.Record) {
	if inForce(r) {
		*g = max(*g, granted(rank(r)))
	}
}

func inForce(r agentstate.Record) bool {
	g, ok := r.(*pb.ToolGrant)
	return ok && g.Enabled
}

// more tells whether there are grants that a limit of this rank would hold down.
func (g granted) more(limit byte) bool { return byte(g) > limit }

// overruled counts a limit of want that was not written, where r is what got has under its key. One that is off limits
// nothing: whether there is what it would hold down is known at the end.
func (c *comparer) overruled(e *entry, r agentstate.Record) {
	switch {
	case !e.limits:
	case !inForce(r):
		c.off[e.rank]++
	case rank(r) > e.rank:
		c.rep.kind(e.key).Overruled++
	}
}

// settle counts those that are off.
func (c *comparer) settle() {
	for limit, n := range c.off {
		if n > 0 && c.most.more(byte(limit)) {
			c.rep.kind("toolgrant/").Overruled += n
		}
	}
}

// order is whether the messages of one conversation come in the order in which want has them.
type order struct {
	conversation string
	n            int   // of the last message, in want
	made         int64 // as Meta.CreatedUnixNano
}

// add counts r, which is the nth record of want. Where the target says of a message which place it has, which one it
// follows or that it was made at another time than the last, the order in which it gives them says nothing.
func (o *order) add(t *Times, r agentstate.Record, n int) {
	m, ok := r.(*pb.Message)
	if !ok {
		return
	}
	made := m.GetMeta().GetCreatedUnixNano()
	if m.ConversationKey != o.conversation {
		*o = order{m.ConversationKey, n, made}
		return
	}
	if n < o.n && m.Position == 0 && m.ParentKey == "" && (made == 0 || made == o.made) {
		t.Reordered++
	}
	o.n, o.made = n, made
}
