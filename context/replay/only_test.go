package replay

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// wires is a source that has bytes of its records, of all kinds.
type wires []agentstate.Wired

func (w wires) Records(context.Context, *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return nil // nobody is to ask
}

func (w wires) Wired(context.Context, *agentstate.ReadOptions) iter.Seq2[agentstate.Wired, error] {
	return func(yield func(agentstate.Wired, error) bool) {
		for _, x := range w {
			if !yield(x, nil) {
				return
			}
		}
	}
}

// TestOnlyKeepsBytes: a source of some kinds has the bytes that the whole one has.
func TestOnlyKeepsBytes(t *testing.T) {
	src := wires{
		{Record: &pb.Origin{Meta: agentstate.Meta("origin", nil, "x")}, Wire: []byte("1")},
		{Record: &pb.Memory{Meta: agentstate.Meta("memory", nil, "a")}, Wire: []byte("2")},
		{Record: &pb.Message{Meta: agentstate.Meta("message", nil, "b")}, Wire: []byte("3")},
	}
	for name, seq := range map[string]iter.Seq2[agentstate.Wired, error]{
		"wired": agentstate.WiredOf(t.Context(), &only{src, []string{"memory"}}, nil),
		"lent":  agentstate.Lent(t.Context(), &only{src, []string{"memory"}}, nil),
	} {
		var got []string
		for w, err := range seq {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(w.Wire))
		}
		if !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("%s: bytes of %q", name, got)
		}
	}
}
