package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/replay"
)

func (r *run) readBack(ctx context.Context) error {
	if r.st.Back != nil {
		return nil
	}
	err := r.phase(phaseReadBack, func() (n uint64, size int64, err error) {
		if r.e.ReadBack != nil {
			r.st.Back, err = r.e.ReadBack(ctx, r.journal())
		} else {
			r.st.Back, err = r.readBackHere(ctx)
		}
		if err != nil {
			return 0, 0, err
		}
		return r.st.Back.Fidelity.Records, 0, nil
	})
	if err != nil {
		r.st.Back = nil
		return r.failed(ctx, phaseReadBack, err)
	}
	r.st.recovered()
	return r.st.save()
}

func (r *run) readBackHere(ctx context.Context) (*Back, error) {
	src, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	rt, _, err := r.e.Target(ctx)
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	j, err := replay.OpenJournal(r.journal())
	if err != nil {
		return nil, err
	}
	defer j.Close()
	if r.e.Expected == nil {
		return ReadBack(ctx, src, rt, j, r.p)
	}
	want, kept, err := r.e.Expected(src, j)
	if err != nil {
		return nil, err
	}
	defer kept.Close()
	return ReadBack(ctx, want, rt, j, r.p)
}

func (r *run) runTasks(ctx context.Context) error {
	if r.e.Tasks == nil || !r.p.reaches(evidence.L4) || r.st.Tasks != nil {
		return nil
	}
	err := r.phase(phaseTasks, func() (uint64, int64, error) {
		s, played, err := r.e.Tasks(ctx)
		if err != nil {
			return 0, 0, err
		}
		r.st.Tasks, r.st.Played = s, played
		return uint64(len(s.Tasks) * s.Runs), 0, nil
	})
	if err != nil {
		return broken(phaseTasks, err)
	}
	return r.st.save()
}

func (r *run) runControls(ctx context.Context) error {
	err := r.phase(phaseControls, func() (_ uint64, _ int64, err error) {
		r.controls, r.skipped, err = r.e.Controls(ctx, r.p.Archive, r.facts)
		return 0, 0, err
	})
	if err != nil {
		return broken(phaseControls, err)
	}
	return nil
}

// tearDown takes out of the target what this drill put there, unless some of it is under a legal hold.
func (r *run) tearDown(ctx context.Context) error {
	if r.p.Keep || !r.p.reaches(evidence.L3) {
		return nil
	}
	r.undoErr = r.phase(phaseTearDown, func() (uint64, int64, error) {
		rt, dst, err := r.e.Target(ctx)
		if err != nil {
			return 0, 0, err
		}
		defer rt.Close()
		j, err := replay.OpenJournal(r.journal())
		if err != nil {
			return 0, 0, err
		}
		defer j.Close()
		if err := r.underHold(ctx, rt, j); err != nil {
			return 0, 0, err
		}
		if r.undo, err = replay.Undo(ctx, dst, j); err != nil {
			return 0, 0, err
		}
		return r.undo.Removed, 0, nil
	})
	switch {
	case errors.Is(r.undoErr, replay.ErrUndone): // by the attempt before, which broke off behind it
		r.undone, r.undoErr = true, nil
	case r.undoErr != nil && goesOn(ctx, r.undoErr):
		return broken(phaseTearDown, r.undoErr)
	}
	return nil
}

// errHeld: what was replayed is under a legal hold. An undo is whole or none, so all of it stays.
var errHeld = errors.New("some of it is under a legal hold")

// underHold is errHeld where the tear-down would take out what is under a legal hold.
func (r *run) underHold(ctx context.Context, rt agentstate.Source, j *replay.Journal) error {
	if len(r.e.Replay.Holds) == 0 {
		return nil
	}
	rep, err := replay.UnderHold(ctx, rt, j, r.e.Replay.Holds)
	if err == nil && rep.N > 0 {
		err = fmt.Errorf("%w, records: %d; a person decides, and then exitramp undo takes it out by its journal, %s", errHeld, rep.N, r.journal())
	}
	return err
}

// unheld says that keys under a legal hold answer to nothing: a slip of whoever wrote one let go of what it was to keep.
func (r *run) unheld() string {
	n := 0
	for _, key := range r.e.Replay.Holds { // of now: the file may be another one since the archive was read
		if s := r.st.Seen; s != nil && slices.Contains(s.Unheld, key) {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("In the archive there is nothing under %d of the %d keys under a legal hold: of something else, or misspelt.", n, len(r.e.Replay.Holds))
}

// secondReader has another program read the archive.
func (r *run) secondReader(ctx context.Context) error {
	if r.e.SecondReader == nil || r.st.Second != nil {
		return nil
	}
	err := r.phase(phaseSecond, func() (n uint64, _ int64, err error) {
		files := programFiles(r.p.SecondReader, &r.p.Keys)
		if r.st.Second, err = r.e.SecondReader(ctx, r.p.Archive); err != nil {
			return 0, 0, err
		}
		r.st.Second.Files = files
		for kind, k := range r.st.Second.Kinds {
			if agentstate.IsState(kind) {
				n += k
			}
		}
		return n, 0, nil
	})
	if err != nil {
		return broken(phaseSecond, err)
	}
	return r.st.save()
}
