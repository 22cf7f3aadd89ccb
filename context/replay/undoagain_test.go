package replay_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/exitramp/exitramp/context/memstate"
	"github.com/exitramp/exitramp/context/replay"
)

// halting is a target whose undo is broken off once it took out some, as where a service ends a login.
type halting struct {
	*memstate.Runtime
	after int // records; 0: never
}

var errHalt = errors.New("the login ended")

func (h *halting) Undo(ctx context.Context, run *replay.Run, created iter.Seq2[replay.Receipt, error], leave func(replay.Receipt)) error {
	i := 0
	for rc, err := range created {
		if err == nil && h.after > 0 && i == h.after {
			err = errHalt
		}
		if err != nil {
			return err
		}
		i++
		before, stays := h.Len(), false
		one := func(yield func(replay.Receipt, error) bool) { yield(rc, nil) }
		if err := h.Runtime.Undo(ctx, run, one, func(rc replay.Receipt) { stays = true; leave(rc) }); err != nil {
			return err
		}
		if !stays && h.Len() == before {
			rc.Why = replay.Gone
			leave(rc)
		}
	}
	return nil
}

// TestUndoAgain: an undo that follows one that was broken off does not say that what that one took out was gone before.
func TestUndoAgain(t *testing.T) {
	for _, after := range []int{0, 3} {
		path, dst := journal(t), &halting{memstate.NewRuntime(nil), after}
		mustRun(t, dst.Runtime, memstate.Sample(4), path, replay.Options{})
		made := uint64(dst.Len())
		if after > 0 {
			if _, err := undo(t, dst, path); !errors.Is(err, errHalt) {
				t.Fatal(err)
			}
			dst.after = 0
		}
		j, err := replay.OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := replay.PlanUndo(j)
		if err = errors.Join(err, j.Close()); err != nil || plan.Again != (after > 0) || plan.Removed != made {
			t.Errorf("after %d: the plan is %+v, %v", after, plan, err)
		}
		rep, err := undo(t, dst, path)
		if err != nil || rep.Gone != uint64(after) || rep.Removed != made-uint64(after) || rep.Again != (after > 0) || dst.Len() != 0 {
			t.Errorf("after %d: %+v, %v, %d are there", after, rep, err, dst.Len())
		}
	}
}

// TestUndoThenApply: a run whose undo was broken off does not go on: what the undo took out has its answer in the journal,
// and would count as written.
func TestUndoThenApply(t *testing.T) {
	path, dst := journal(t), &halting{memstate.NewRuntime(nil), 3}
	mustRun(t, dst.Runtime, memstate.Sample(4), path, replay.Options{})
	if _, err := undo(t, dst, path); !errors.Is(err, errHalt) {
		t.Fatal(err)
	}
	if _, err := run(t, dst.Runtime, memstate.Sample(4), path, replay.Options{}); !errors.Is(err, replay.ErrOtherRun) || !errors.Is(err, replay.ErrJournal) {
		t.Errorf("Apply goes on behind it: %v", err)
	}
	dst.after = 0
	if rep, err := undo(t, dst, path); err != nil || rep.Gone != 3 || dst.Len() != 0 {
		t.Errorf("%+v, %v, %d are there", rep, err, dst.Len())
	}
}

// TestUndoUntouched: an undo that took nothing out leaves its run open, but not one of which an undo before took something out.
func TestUndoUntouched(t *testing.T) {
	for _, after := range []int{0, 3} {
		path, dst := journal(t), &halting{memstate.NewRuntime(nil), after}
		mustRun(t, dst.Runtime, memstate.Sample(4), path, replay.Options{})
		if after > 0 {
			if _, err := undo(t, dst, path); !errors.Is(err, errHalt) {
				t.Fatal(err)
			}
		}
		for range 2 {
			if _, err := undo(t, locked{dst}, path); !errors.Is(err, errHalt) || !errors.Is(err, replay.ErrUntouched) {
				t.Fatal(err)
			}
			if _, err := run(t, dst.Runtime, memstate.Sample(4), path, replay.Options{}); errors.Is(err, replay.ErrOtherRun) != (after > 0) {
				t.Errorf("after %d: it goes on: %v", after, err)
			}
		}
		dst.after = 0
		if rep, err := undo(t, dst, path); err != nil || rep.Gone != uint64(after) || rep.Again != (after > 0) || dst.Len() != 0 {
			t.Errorf("after %d: %+v, %v, %d are there", after, rep, err, dst.Len())
		}
	}
}

// locked is a target that nobody may write to.
type locked struct{ *halting }

func (locked) Undo(context.Context, *replay.Run, iter.Seq2[replay.Receipt, error], func(replay.Receipt)) error {
	return replay.Untouched(errHalt)
}
