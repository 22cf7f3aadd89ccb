package drill

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// TestStateSum: the digest is the same whether the bytes of a record are at hand or not, and those at hand are not made again.
func TestStateSum(t *testing.T) {
	r := &pb.Memory{Meta: agentstate.Meta("memory", nil, "a"), Name: "ada"}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	digest := func(wire []byte) string {
		s := newStateSum(nil)
		for _, w := range []agentstate.Wired{{Record: r, Wire: wire}, {Record: &pb.Completeness{Meta: agentstate.Meta("completeness", nil, "1")}, Wire: []byte("no state")}, {Record: r, Wire: wire}} {
			if err := s.add(w); err != nil {
				t.Fatal(err)
			}
		}
		out, n := s.sum()
		if n != 2 {
			t.Errorf("over %d records", n)
		}
		return out
	}
	if made, had := digest(nil), digest(b); made != had {
		t.Errorf("made %s, had %s", made, had)
	}
	if digest(nil) == digest([]byte("other")) {
		t.Error("the bytes at hand are not used")
	}
}
