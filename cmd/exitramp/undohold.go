package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
)

// held refuses an undo that would take out what is under a legal hold.
func (a *app) held(ctx context.Context, journal, target string, f *replayFlags) error {
	if len(f.holds) == 0 {
		return nil
	}
	j, err := openJournal(journal)
	if err != nil {
		return err
	}
	defer j.Close()
	holds, err := a.tombstones(ctx, f.holds, &f.keys)
	if err != nil {
		return err
	}
	if err := ofTarget(j, journal, target); err != nil {
		return err
	}
	rt, err := a.runtime(ctx, target)
	if err != nil {
		return err
	}
	defer rt.Close()
	rep, err := replay.UnderHold(ctx, watched{rt, a, "look for what is held", nil}, j, holds)
	switch {
	case err != nil:
		return unnamed(err, target, "hold")
	}
	a.result["held"] = rep.N
	if rep.N == 0 { // of a key that is mistyped nothing else is heard
		fmt.Fprintf(a.stderr, "under a legal hold: nothing of what this replay brought (holds: %s)\n", plural(len(holds), "key", "keys"))
		return nil
	}
	err = &exitError{
		code: exitRefused, class: "hold", err: fmt.Errorf("%s of what this replay brought is under a legal hold: nothing was taken out", number(rep.N)),
		hint: "ask whoever put the hold on it; an undo does not go before it",
	}
	if f.json {
		a.errorJSON(map[string]any{"removed": 0, "held": rep.N, "held_keys": rep.Keys}, err)
	} else {
		a.printKeys("held", rep.Keys, rep.N)
	}
	return err
}

// unnamed is err, and what to do where a replay left no trace of a name.
func unnamed(err error, target, class string) error {
	if !errors.Is(err, replay.ErrRenamed) {
		return err
	}
	where, _ := urlWord(target)
	return &exitError{
		code: exitRefused, class: class, err: err,
		hint: "exitramp list " + where + " memoryspace shows what it is called there: put that key into the file in its place; where the replay brought nothing of it, leave the key out",
	}
}

const journalHint = "the journal of a replay is ARCHIVE.journal, or what --journal said"

// openJournal opens the journal of a replay that was, which has to be there.
func openJournal(path string) (*replay.Journal, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, absent(err, journalHint)
	}
	return replay.OpenJournal(path)
}

// ofTarget refuses a journal of another target.
func ofTarget(j *replay.Journal, journal, target string) error {
	if was := j.Target(); was != "" && !samePlace(was, target) {
		return withHint(fmt.Errorf("%w: %s is of the target %s, not of %s", replay.ErrJournal, journal, was, exporters.Redact(target)), "name the target of the replay: what another one holds is not touched")
	}
	return nil
}
