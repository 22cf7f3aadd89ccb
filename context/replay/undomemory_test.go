package replay_test

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/internal/heappeak"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// leaky is a target that loses something of each record, and keeps what an undo is given.
type leaky struct {
	*memstate.Runtime
	undone []replay.Receipt
}

func (l *leaky) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w, err := l.Runtime.Begin(ctx, run)
	return leakyWriter{w}, err
}

func (l *leaky) Undo(ctx context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	for rc, err := range created {
		if err != nil {
			return err
		}
		l.undone = append(l.undone, rc)
	}
	return l.Runtime.Undo(ctx, run, created, leave)
}

type leakyWriter struct{ replay.Writer }

func (w leakyWriter) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	rc, err := w.Writer.Write(ctx, r)
	rc.Losses = []fidelity.Loss{{Path: "labels", Grade: fidelity.Dropped, Why: "no place for it"}}
	return rc, err
}

// TestUndoMemory: of each record an undo holds what it needs: losses, of which there may be several a record, are not among it.
func TestUndoMemory(t *testing.T) {
	path, dst := journal(t), &leaky{Runtime: memstate.NewRuntime(nil)}
	rep, err := run(t, dst, memstate.Sample(4), path, replay.Options{})
	if err != nil || len(rep.Losses) == 0 {
		t.Fatalf("%v, %d losses", err, len(rep.Losses))
	}
	un, err := undo(t, dst, path)
	if err != nil || un.Removed == 0 || un.LeftN > 0 || dst.Len() > 0 {
		t.Fatalf("%+v, %v", un, err)
	}
	for _, rc := range dst.undone {
		if len(rc.Losses) > 0 {
			t.Fatalf("%s comes with %d losses", rc.Key, len(rc.Losses))
		}
	}
}

// forgetful is a target that takes all and keeps nothing but what an undo is given first and last.
type forgetful struct {
	answers
	keys [2]string
	n    int
}

func (f *forgetful) Undo(_ context.Context, _ *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	for range 2 { // it may be asked for again
		f.n = 0
		for rc, err := range created {
			if err != nil {
				return err
			}
			if f.n++; f.n == 1 {
				f.keys[0] = rc.Key
			}
			f.keys[1] = rc.Key
		}
	}
	for rc := range created {
		rc.Why = replay.Gone
		leave(rc)
	}
	return nil
}

// TestUndoFlat: an undo holds no receipts, whatever their number and whatever it leaves; they come from the last one to the first.
func TestUndoFlat(t *testing.T) {
	const n = 40_000
	var rs []agentstate.Record
	for i := range n {
		rs = append(rs, &pb.Memory{Meta: meta("memory", fmt.Sprintf("%06d", i))})
	}
	path, dst := journal(t), &forgetful{answers: answers{replay.Receipt{Action: replay.Created, Target: "memory/x", Version: "1"}}}
	mustRun(t, dst, memstate.Whole("x", rs...), path, replay.Options{})
	j, err := replay.OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var rep *replay.UndoReport
	high := heappeak.Live(func() { rep, err = replay.Undo(t.Context(), dst, j) })
	if err != nil || rep.Gone != n || rep.Removed != 0 || rep.Kinds["memory"] != n || dst.n != n {
		t.Fatalf("%+v, %v, %d given", rep, err, dst.n)
	}
	if dst.keys != [2]string{fmt.Sprintf("memory/%06d", n-1), "memory/000000"} {
		t.Errorf("given from %s to %s", dst.keys[0], dst.keys[1])
	}
	if high > 10<<20 {
		t.Errorf("%d MiB for %d records", high>>20, n)
	} else {
		t.Logf("%d KiB", high>>10)
	}
}
