package embed_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
)

// failing is a source of which err is all that is read.
type failing struct{ err error }

func (f failing) Records(context.Context, *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) { yield(nil, f.err) }
}

// TestMeetUnanswered: a target that gives no answer while its vectors are looked for is not one that holds none: it may answer
// again when the replay begins.
func TestMeetUnanswered(t *testing.T) {
	busy := agentstate.Unanswered("busy")
	for err, want := range map[error]error{busy: busy, errors.New("no such table"): nil} {
		_, got := embed.Meet(t.Context(), memstate.Whole("x"), failing{err}, memstate.NewRuntime(nil), &replay.Options{})
		if !errors.Is(got, want) || errors.Is(got, replay.ErrTarget) != (want != nil) {
			t.Errorf("%v: %v", err, got)
		}
	}
}
