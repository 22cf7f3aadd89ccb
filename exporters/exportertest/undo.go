package exportertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// undoes undoes a run that made everything, one that found everything there, one of which a
// record was changed since, and one whose undo failed first.
func undoes(ctx context.Context, h Harness) error {
	return prepared(ctx, h, func(b *bench) error {
		err := b.target(ctx, func(t replay.Target) error { return b.undoneWhole(ctx, t) })
		for _, calls := range []int64{0, 3, 30} {
			if err == nil {
				err = b.target(ctx, func(t replay.Target) error { return b.undoneLater(ctx, t, calls) })
			}
		}
		if err != nil || h.Change == nil {
			return err
		}
		return b.target(ctx, func(t replay.Target) error { return b.undoneChanged(ctx, t) })
	})
}

func (b *bench) undoneWhole(ctx context.Context, t replay.Target) error {
	if _, ok := t.(replay.Undoer); !ok {
		return errSkip
	}
	empty := b.held(ctx, t)
	first, second := b.journal(), b.journal()
	keys, err := b.approved(ctx)
	if err != nil {
		return err
	}
	made := map[string]bool{}
	_, err = b.applyWith(ctx, t, b.src, first, &replay.Options{Approved: keys, OnReceipt: func(rc replay.Receipt) {
		made[rc.Key] = rc.Action == replay.Created
	}})
	if err != nil {
		return err
	}
	full := b.held(ctx, t)
	if !b.h.OwnIDs {
		if _, err := b.apply(ctx, t, b.src, second); err != nil {
			return err
		}
		rep, err := undo(ctx, t, second)
		if err != nil {
			return err
		}
		if d := differ(full, b.held(ctx, t)); d != "" && rep.Removed == 0 {
			return fmt.Errorf("undo of a run that made nothing: %s", d)
		}
	}
	if _, err := undo(ctx, t, first); err != nil {
		return err
	}
	after := b.held(ctx, t)
	for k := range after { // what the runtime's own setup leaves behind is not the run's
		if agentstate.KindOfKey(k) == "opaque" && !made[k] {
			delete(after, k)
		}
	}
	if d := differ(empty, after); d != "" {
		return fmt.Errorf("after undo, %s", d)
	}
	return nil
}

func (b *bench) undoneChanged(ctx context.Context, t replay.Target) error {
	path := b.journal()
	key, err := b.change(ctx, t, path)
	if err != nil {
		return err
	}
	full := b.held(ctx, t)
	rep, err := undo(ctx, t, path)
	if err != nil {
		return err
	}
	// What hangs together with a changed record may stay with it.
	if !slices.ContainsFunc(rep.Left, func(rc replay.Receipt) bool { return rc.Key == key }) {
		return fmt.Errorf("%s was changed since, and is not named as left", key)
	}
	if after := b.held(ctx, t); len(after) == 0 || len(after) >= len(full) {
		return fmt.Errorf("%s of %d records was changed since: after undo, %d are there", key, len(full), len(after))
	}
	return nil
}

// undoneLater fails an undo first. Where it says that it took nothing out, all is there, and the run goes on.
func (b *bench) undoneLater(ctx context.Context, t replay.Target, calls int64) error {
	path := b.journal()
	if _, err := b.apply(ctx, t, b.src, path); err != nil {
		return err
	}
	full := b.held(ctx, t)
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := &ending{Context: inner, cancel: cancel}
	ends.left.Store(calls)
	switch _, err := undo(ends, t, path); {
	case err == nil:
		return nil
	case errors.Is(err, replay.ErrUntouched):
		if d := differ(full, b.held(ctx, t)); d != "" {
			return fmt.Errorf("an undo failed and took nothing out (%w), and %s", err, d)
		}
		if _, err := b.apply(ctx, t, b.src, path); err != nil {
			return fmt.Errorf("going on behind an undo that took nothing out: %w", err)
		}
	}
	_, err := undo(ctx, t, path)
	return err
}

// ending is a context that ends after it was asked some times.
type ending struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func (e *ending) ask() {
	if e.left.Add(-1) < 0 {
		e.cancel()
	}
}

// Done ends with the context.
func (e *ending) Done() <-chan struct{} {
	e.ask()
	return e.Context.Done()
}

// Err is why it ended.
func (e *ending) Err() error {
	e.ask()
	return e.Context.Err()
}

func undo(ctx context.Context, t replay.Target, journal string) (*replay.UndoReport, error) {
	j, err := replay.OpenJournal(journal)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	return replay.Undo(ctx, t, j)
}
