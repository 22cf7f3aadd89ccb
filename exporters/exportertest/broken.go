package exportertest

import (
	"context"
	"errors"
	"fmt"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
)

// errBroken ends a run as a kill does.
var errBroken = errors.New("exportertest: broken off")

// brittle is a target whose runs break after a number of writes: the last is done, and its answer
// is lost.
type brittle struct {
	replay.Target
	writes   int
	deferred bool // it writes nothing before Commit
	done     bool // it was broken off behind Commit
}

func (b *brittle) Begin(ctx context.Context, run *replay.Run) (replay.Writer, error) {
	w, err := b.Target.Begin(ctx, run)
	if err != nil || run.DryRun {
		return w, err
	}
	bw := &brittleWriter{w, b}
	d, ok := w.(replay.Deferrer)
	b.deferred = ok && d.Deferred()
	f, flushes := w.(replay.Flusher)
	e, exact := w.(replay.Exacter)
	switch {
	case flushes && exact:
		return struct {
			*brittleWriter
			replay.Flusher
			replay.Exacter
		}{bw, f, e}, nil
	case flushes:
		return struct {
			*brittleWriter
			replay.Flusher
		}{bw, f}, nil
	case exact:
		return struct {
			*brittleWriter
			replay.Exacter
		}{bw, e}, nil
	}
	return bw, nil
}

type brittleWriter struct {
	replay.Writer
	b *brittle
}

// Deferred is what the writer says.
func (w *brittleWriter) Deferred() bool { return w.b.deferred }

func (w *brittleWriter) Write(ctx context.Context, r agentstate.Record) (replay.Receipt, error) {
	rc, err := w.Writer.Write(ctx, r)
	if w.b.writes--; w.b.writes == 0 && err == nil {
		err = errBroken
	}
	return rc, err
}

// Commit is done, and its answer is lost too, when the run was to break after more writes than it has.
func (w *brittleWriter) Commit(ctx context.Context) error {
	err := w.Writer.Commit(ctx)
	if w.b.writes > 0 && err == nil {
		w.b.writes, w.b.done = 0, true
		err = errBroken
	}
	return err
}

func brokenAndResumed(ctx context.Context, h Harness) error {
	return prepared(ctx, h, func(b *bench) error {
		var want map[string]string
		var n int
		err := b.target(ctx, func(t replay.Target) error {
			rep, err := b.apply(ctx, t, b.src, b.journal())
			if err == nil {
				n = int(rep.Records)
			}
			want = b.held(ctx, t)
			return err
		})
		if err != nil {
			return err
		}
		places := []int{n/2 + 1, 1 << 30, 1, 2, n / 3}
		if h.Brief {
			places = places[:2]
		}
		for _, at := range places {
			br := &brittle{writes: at}
			err := b.target(ctx, func(t replay.Target) error {
				path := b.journal()
				br.Target = t
				if _, err := b.apply(ctx, br, b.src, path); !errors.Is(err, errBroken) {
					return err
				}
				if _, err := b.apply(ctx, t, b.src, path); err != nil {
					return fmt.Errorf("resumed: %w", err)
				}
				got := b.held(ctx, t)
				if len(got) != len(want) {
					return fmt.Errorf("%d records, want %d", len(got), len(want))
				}
				if d := differ(want, got); d != "" && !b.h.OwnIDs {
					return errors.New(d)
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("broken after write %d: %w", at, err)
			}
			if !br.deferred { // nobody knows whose the last record is
				continue
			}
			if err := b.target(ctx, func(t replay.Target) error { return b.foundAndBroken(ctx, t, at, true) }); err != nil {
				return fmt.Errorf("all was there, and broken after write %d: %w", at, err)
			}
			if err := b.target(ctx, func(t replay.Target) error { return b.foundAndBroken(ctx, t, at, false) }); err != nil {
				return fmt.Errorf("broken after write %d, and another run came before it was resumed: %w", at, err)
			}
		}
		return nil
	})
}

// foundAndBroken replays into t what is there already, before it or since it was broken off after some writes: its undo takes
// nothing out. The target is written at Commit alone.
func (b *bench) foundAndBroken(ctx context.Context, t replay.Target, writes int, before bool) error {
	other := func() error {
		_, err := b.apply(ctx, t, b.src, b.journal())
		return err
	}
	path, br := b.journal(), &brittle{Target: t, writes: writes}
	if before {
		if err := other(); err != nil {
			return err
		}
	}
	switch _, err := b.apply(ctx, br, b.src, path); {
	case !errors.Is(err, errBroken):
		return err
	case br.done && !before: // all is this run's
		return nil
	}
	if !before {
		if err := other(); err != nil {
			return err
		}
	}
	was := b.held(ctx, t)
	rep, err := b.apply(ctx, t, b.src, path)
	if err != nil {
		return fmt.Errorf("resumed: %w", err)
	}
	if n := rep.Actions[replay.Created]; n > 0 {
		return fmt.Errorf("%d records that were there before are said to be made", n)
	}
	j, err := replay.OpenJournal(path)
	if err != nil {
		return err
	}
	defer j.Close()
	if _, ok := t.(replay.Undoer); !ok {
		return nil
	}
	if _, err := replay.Undo(ctx, t, j); err != nil {
		return err
	}
	now := b.held(ctx, t)
	if len(now) != len(was) {
		return fmt.Errorf("undone: %d records, want %d", len(now), len(was))
	}
	return nil
}
