package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	created, err := j.created(rep)
	for _, rc := range created {
		if rc.Target != "" {
			rep.Removed++
		}
	}
	return rep, err
}

// Undo removes exactly what the run of j made in dst, and names what it left: records that were
// changed since, and records that were there before and got more. dst must be an Undoer. A run that
// was broken off can be undone too; one whose undo took something out and failed can only be undone. Undo takes memory for each record: with all
// that a driver notes of it some 700 bytes, and at its peak twice that.
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
	created, err := j.created(rep)
	if err != nil {
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
	left, err := u.Undo(ctx, run, created)
	if err != nil {
		err = fmt.Errorf("%w: undo: %w", ErrTarget, err)
		if !rep.Again && errors.Is(err, ErrUntouched) {
			err = errors.Join(err, j.write(line{Untouched: true}))
		}
		return nil, err
	}
	for _, rc := range created {
		if rc.Target != "" {
			rep.Removed++
		}
	}
	for _, rc := range left {
		if rc.Target != "" && rep.Removed > 0 {
			rep.Removed--
		}
		if rc.Why == Gone {
			rep.Gone++
		} else {
			rep.leave(rc)
		}
	}
	if err := j.write(line{Undone: true}); err != nil {
		return rep, err
	}
	return rep, j.sync()
}

// created are the receipts of what the run made or may have made, the last one first.
func (j *Journal) created(rep *UndoReport) ([]Receipt, error) {
	var out []Receipt
	if j.blameless() {
		return nil, nil
	}
	for x, err := range j.all() {
		if err != nil {
			return nil, err
		}
		e := x.entry
		if e.done == nil { // the intent is all that is known
			rc := Receipt{Key: x.key, Action: Created, Why: "in doubt: the run was broken off"}
			if e.as != "" {
				rc.Key = e.as
			}
			rep.InDoubt++
			out = append(out, rc)
			continue
		}
		rc, err := e.done.receipt()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrJournal, err)
		}
		switch rc.Action {
		case Created:
			rep.kind(rc)
			rc.Losses = nil // no undo asks for them, and there may be several a record
			out = append(out, rc)
		case Updated:
			rc.Why = "was there before, and what it held then is not known"
			rep.leave(rc)
		}
	}
	slices.Reverse(out)
	return out, nil
}
