package fidelity_test

import (
	"context"
	"iter"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// watched tells when its reading begins and ends.
type watched struct {
	agentstate.Source
	note func(string)
}

func (s watched) Unwrap() agentstate.Source { return s.Source }

func (s watched) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		s.note("begins")
		defer s.note("ends")
		for r, err := range s.Source.Records(ctx, o) {
			if !yield(r, err) {
				return
			}
		}
	}
}

// archive is a source of bytes that wraps none.
type archive struct {
	agentstate.Source
	agentstate.Wirer
}

// TestInTurn: an archive and a target are read in turn; two archives, which both decode ahead, one after the other.
func TestInTurn(t *testing.T) {
	state := memstate.Whole("x", &pb.Memory{Meta: meta("memory", "a")}, &pb.Memory{Meta: meta("memory", "b")})
	for name, c := range map[string]struct {
		got  agentstate.Source
		turn bool
	}{
		"a target":              {state, true},
		"one that is looked at": {wired{state}, true},
		"an archive":            {archive{wired{state}, wired{state}}, false},
		"a wrapper over one":    {wired{archive{wired{state}, wired{state}}}, false},
	} {
		var saw []string
		want := wired{watched{state, func(what string) { saw = append(saw, "want "+what) }}}
		rep, err := fidelity.Compare(t.Context(), want, watched{c.got, func(what string) { saw = append(saw, "got "+what) }}, nil)
		if err != nil || rep.Same != 2 {
			t.Fatal(name, err, rep)
		}
		if len(saw) != 4 || (saw[1] == "got begins") != c.turn {
			t.Errorf("%s: %v, in turn: %v", name, saw, c.turn)
		}
	}
}
