package replay_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// breaking is a runtime that writes batches, and fails at its third record.
type breaking struct{ *memstate.Runtime }

func (b breaking) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w, err := b.Runtime.Begin(ctx, run)
	return breakingWriter{w}, err
}

type breakingWriter struct{ replay.Writer }

func (w breakingWriter) WriteBatch(ctx context.Context, rs []agentstate.Record) ([]replay.Receipt, error) {
	out := make([]replay.Receipt, len(rs))
	for i, r := range rs {
		if i == 2 {
			return out, errors.New("no room")
		}
		var err error
		if out[i], err = w.Write(ctx, r); err != nil {
			return out, err
		}
	}
	return out, nil
}

// breakingLate is breaking, where the driver knows that the fourth record broke it.
type breakingLate struct{ breaking }

func (b breakingLate) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w, err := b.Runtime.Begin(ctx, run)
	return breakingLateWriter{breakingWriter{w}}, err
}

type breakingLateWriter struct{ breakingWriter }

func (w breakingLateWriter) WriteBatch(ctx context.Context, rs []agentstate.Record) ([]replay.Receipt, error) {
	out, err := w.breakingWriter.WriteBatch(ctx, rs)
	return out, replay.BrokeAt(3, err)
}

// A batch that broke is said to have ended at the first record without an answer.
func TestBatchEndsAt(t *testing.T) {
	var recs []agentstate.Record
	for i := range 5 {
		recs = append(recs, &pb.Conversation{Meta: agentstate.Meta("conversation", nil, fmt.Sprint("c", i))})
	}
	_, err := replay.Plan(t.Context(), breaking{memstate.NewRuntime(nil)}, memstate.Whole("x", recs...), nil)
	if err == nil || !strings.Contains(err.Error(), "conversation/c2") || strings.Contains(err.Error(), "conversation/c1") {
		t.Error(err)
	}
	_, err = replay.Plan(t.Context(), breakingLate{breaking{memstate.NewRuntime(nil)}}, memstate.Whole("x", recs...), nil)
	if err == nil || !strings.Contains(err.Error(), "conversation/c3") || strings.Contains(err.Error(), "conversation/c2") {
		t.Error(err)
	}
}
