package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/exitramp/exitramp/context/agentstate"
)

// UndoReport says what Undo did.
type UndoReport struct {
	Removed uint64
	Gone    uint64            // were not there any more, where the target tells
	Again   bool              // an undo before was broken off, and may have taken out what is Gone, or of a plan Removed
	Kinds   map[string]uint64 // what the run created, by kind
	InDoubt uint64            // may be there or not: the run was broken off while it was written
	Left    []Receipt         // changed since, or updated and not created: the first 1,000
	LeftN   uint64            // all of them
}

func (r *UndoReport) kind(rc Receipt) {
	if r.Kinds == nil {
		r.Kinds = map[string]uint64{}
	}
	r.Kinds[agentstate.KindOfKey(rc.Key)]++
}

// stays takes what a target left of what was counted as removed.
func (r *UndoReport) stays(rc Receipt) {
	if rc.Target != "" && r.Removed > 0 {
		r.Removed--
	}
	if rc.Why == Gone {
		r.Gone++
	} else {
		r.leave(rc)
	}
}

func (r *UndoReport) leave(rc Receipt) {
	r.LeftN++
	if len(r.Left) < most {
		r.Left = append(r.Left, rc)
	}
}

// GoneWhen says, of what is Gone, since when.
func (r *UndoReport) GoneWhen() string {
	if r.Again {
		return "before, or by an undo that was broken off"
	}
	return "before"
}

// ErrUndone: there is nothing to take out any more. It comes with ErrJournal.
var ErrUndone = errors.New("its run was undone before")

// ErrUntouched: an undo failed, and took nothing out, so the run can go on.
var ErrUntouched = errors.New("nothing was taken out")

// Untouched is what an Undoer makes of an error where it is sure that it took nothing out, as before a transaction's commit.
func Untouched(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", err, ErrUntouched)
}

// noRun is the error of a journal in which no run was begun; j may be nil.
func (j *Journal) noRun() error {
	if j == nil {
		return fmt.Errorf("%w: none is given", ErrJournal)
	}
	return fmt.Errorf("%w: %s holds no run", ErrJournal, j.path)
}

// PlanUndo says what Undo of the run of j would take out, as the journal has it, and asks no target:
// what was changed since is not known, and stays. Removed is what it would remove, with what an undo that was broken off
// has taken out by now.
func PlanUndo(j *Journal) (*UndoReport, error) {
	switch {
	case j == nil || j.head == nil:
		return nil, j.noRun()
	case j.undone:
		return nil, fmt.Errorf("%w: %s: %w", ErrJournal, j.path, ErrUndone)
	}
	rep := &UndoReport{Again: j.undoing}
	return rep, j.count(rep)
}

// Undo removes exactly what the run of j made in dst, and names what it left: records that were
// changed since, and records that were there before and got more. dst must be an Undoer. A run that
// was broken off can be undone too; one whose undo took something out and failed can only be undone.
// It takes the same memory whatever the run wrote.
func Undo(ctx context.Context, dst Target, j *Journal) (*UndoReport, error) {
	u, ok := dst.(Undoer)
	switch {
	case j == nil || j.head == nil:
		return nil, j.noRun()
	case j.undone:
		return nil, fmt.Errorf("%w: %s: %w", ErrJournal, j.path, ErrUndone)
	case !ok:
		return nil, fmt.Errorf("%w: it cannot undo", ErrTarget)
	}
	from, err := j.origin()
	if err != nil {
		return nil, err
	}
	rep := &UndoReport{}
	if err := j.count(rep); err != nil {
		return nil, err
	}
	run := &Run{
		ID: j.head.Run, From: from, Vectors: j.head.Vectors,
		Target: func(key string) (string, bool) {
			e, err := j.get(key)
			if err != nil || e == nil || e.done == nil {
				return "", false
			}
			return e.done.Target, e.done.Target != ""
		},
		InDoubt: func(key string) bool {
			e, err := j.get(key)
			return err == nil && e != nil && e.done == nil
		},
	}
	if rep.Again = j.undoing; !rep.Again {
		if err := errors.Join(j.write(line{Undoing: true}), j.sync()); err != nil {
			return nil, err
		}
	}
	if err := u.Undo(ctx, run, j.created(), rep.stays); err != nil {
		err = fmt.Errorf("%w: undo: %w", ErrTarget, err)
		if !rep.Again && errors.Is(err, ErrUntouched) {
			err = errors.Join(err, j.write(line{Untouched: true}))
		}
		return nil, err
	}
	if err := j.write(line{Undone: true}); err != nil {
		return rep, err
	}
	return rep, j.sync()
}

// count counts what the run made, and takes all of it for what an undo removes.
func (j *Journal) count(rep *UndoReport) error {
	for rc, err := range j.wrote() {
		switch {
		case err != nil:
			return err
		case rc.Action == Updated:
			rc.Why = "was there before, and what it held then is not known"
			rep.leave(rc)
		case rc.Target == "" && rc.Why == inDoubt:
			rep.InDoubt++
		default:
			rep.kind(rc)
			if rc.Target != "" {
				rep.Removed++
			}
		}
	}
	return nil
}

// created yields the receipts of what the run made or may have made, the last one first.
func (j *Journal) created() iter.Seq2[Receipt, error] {
	return func(yield func(Receipt, error) bool) {
		for rc, err := range j.wrote() {
			if rc.Losses = nil; rc.Action == Updated { // no undo asks for losses, and there may be several a record
				continue
			}
			if !yield(rc, err) {
				return
			}
		}
	}
}

const inDoubt = "in doubt: the run was broken off"

// wrote yields the receipts of what the run made, may have made, or updated, the last one first.
func (j *Journal) wrote() iter.Seq2[Receipt, error] {
	return func(yield func(Receipt, error) bool) {
		if j.blameless() {
			return
		}
		for x, err := range j.backward() {
			var rc Receipt
			switch {
			case err != nil:
			case x.entry.done == nil: // the intent is all that is known
				rc = Receipt{Key: cmp.Or(x.entry.as, x.key), Action: Created, Why: inDoubt}
			default:
				if rc, err = x.entry.done.receipt(); err != nil {
					err = fmt.Errorf("%w: %w", ErrJournal, err)
				}
			}
			if err == nil && rc.Action != Created && rc.Action != Updated {
				continue
			}
			if !yield(rc, err) || err != nil {
				return
			}
		}
	}
}
