package exportertest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/context/replay"
)

func targetRules() []Rule {
	return []Rule{
		{"target: a plan writes nothing", "a person reviews the plan before anything happens", planWritesNothing},
		{"target: round trip", "what was written is read back alike: a count that agrees proves nothing", roundTrip},
		{"target: any order", "archives are read kind by kind, drivers yield thread by thread, and both are legal", anyOrder},
		{"target: nothing rises", "text of a user that arrives as a system message, or always in the prompt, is an attack", nothingRises},
		{"target: what is held stays out", "a driver that finds grants by itself and writes them goes past the person who approves", heldStaysOut},
		{"target: again is the same", "a replay that is run twice must not make everything twice", againIsSame},
		{"target: a conflict stays", "what somebody has changed in the target is theirs", conflictStays},
		{"target: broken and resumed", "a replay that was killed after any write goes on and leaves every record once", brokenAndResumed},
		{"target: undo", "undo removes what the run made, nothing else, and leaves what was changed since", undoes},
	}
}

func planWritesNothing(ctx context.Context, h Harness) error {
	return prepared(ctx, h, func(b *bench) error {
		return b.target(ctx, func(t replay.Target) error {
			before := b.held(ctx, t)
			rep, err := replay.Plan(ctx, t, b.src, nil)
			if err != nil {
				return err
			}
			if rep.Actions[replay.Created] == 0 {
				return errors.New("the plan would create nothing in an empty target")
			}
			if d := differ(before, b.held(ctx, t)); d != "" {
				return fmt.Errorf("after the plan, %s", d)
			}
			return nil
		})
	})
}

// arrived is an error where a read-back finds a difference that was not announced.
func arrived(rep *replay.Report, back *fidelity.Report) error {
	switch {
	case rep.Actions[replay.Refused] > 0:
		return fmt.Errorf("%d records are refused: %s: %s", rep.Actions[replay.Refused], rep.Refused[0].Key, rep.Refused[0].Why)
	case rep.Actions[replay.Conflict] > 0:
		return fmt.Errorf("%d conflicts in an empty target: %s", rep.Actions[replay.Conflict], rep.Conflicts[0].Key)
	case back.MissingN > 0:
		return fmt.Errorf("%d records are missing: %s", back.MissingN, back.Missing[0])
	case back.ExtraN > 0:
		return fmt.Errorf("%d records are there that were never written: %s", back.ExtraN, back.Extra[0])
	}
	raised := uint64(0)
	for _, l := range back.Losses {
		if slices.Contains(back.Raised, l.Key) { // the rule about rising
			raised++
			continue
		}
		if back.Same+back.Announced+uint64(len(back.Raised)) < back.Records {
			return fmt.Errorf("%d of %d records differ: %s: %s: %s (%s)", back.Records-back.Same-back.Announced, back.Records, l.Key, l.Path, l.Why, l.Grade)
		}
	}
	return nil
}

func roundTrip(ctx context.Context, h Harness) error {
	return prepared(ctx, h, func(b *bench) error {
		return b.target(ctx, func(t replay.Target) error {
			path := b.journal()
			rep, err := b.apply(ctx, t, b.src, path)
			if err != nil {
				return err
			}
			back, err := b.back(ctx, t, path)
			if err != nil {
				return err
			}
			if back.Records == 0 {
				return errors.New("nothing arrived")
			}
			return arrived(rep, back)
		})
	})
}

// anyOrder replays in an order that is as far from the canonical one as hard references let it be.
func anyOrder(ctx context.Context, h Harness) error {
	return prepared(ctx, h, func(b *bench) error {
		once := func() (rep *fidelity.Report, err error) {
			return rep, b.target(ctx, func(t replay.Target) error {
				path := b.journal()
				if _, err := b.apply(ctx, t, b.src, path); err != nil {
					return err
				}
				rep, err = b.back(ctx, t, path)
				return err
			})
		}
		want, err := once()
		if err != nil {
			return err
		}
		order := agentstate.Kinds()
		slices.Reverse(order)
		parents := []string{"origin", "conversation", "memoryspace", "testsuite"}
		last := []string{"tombstone", "gap", "completeness"}
		order = slices.DeleteFunc(order, func(k string) bool { return slices.Contains(parents, k) || slices.Contains(last, k) })
		b.src.Sort(slices.Concat(parents, order, last))
		got, err := once()
		if err != nil {
			return err
		}
		if got.Records != want.Records || got.Same != want.Same || got.ExtraN != want.ExtraN {
			return fmt.Errorf("%d records, %d of them alike; in the canonical order %d and %d", got.Records, got.Same, want.Records, want.Same)
		}
		return nil
	})
}

func nothingRises(ctx context.Context, h Harness) error {
	return prepared(ctx, h, func(b *bench) error {
		return b.target(ctx, func(t replay.Target) error {
			path := b.journal()
			if _, err := b.apply(ctx, t, b.src, path); err != nil {
				return err
			}
			back, err := b.back(ctx, t, path)
			if err == nil && len(back.Raised) > 0 {
				err = fmt.Errorf("%s speaks with more authority than it had", back.Raised[0])
			}
			return err
		})
	})
}

func heldStaysOut(ctx context.Context, h Harness) error {
	return prepared(ctx, h, func(b *bench) error {
		keys, err := b.approved(ctx)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			return errSkip
		}
		return b.target(ctx, func(t replay.Target) error {
			if _, err := b.applyWith(ctx, t, b.src, b.journal(), &replay.Options{}); err != nil {
				return err
			}
			held := b.held(ctx, t)
			for _, k := range keys {
				if _, ok := held[k]; ok {
					return fmt.Errorf("%s is there, and nobody has approved it", k)
				}
			}
			return nil
		})
	})
}

func againIsSame(ctx context.Context, h Harness) error {
	if h.OwnIDs {
		return errSkip
	}
	return prepared(ctx, h, func(b *bench) error {
		return b.target(ctx, func(t replay.Target) error {
			if _, err := b.apply(ctx, t, b.src, b.journal()); err != nil {
				return err
			}
			before := b.held(ctx, t)
			rep, err := b.apply(ctx, t, b.src, b.journal())
			if err != nil {
				return err
			}
			for _, a := range []replay.Action{replay.Created, replay.Updated, replay.Conflict} {
				if n := rep.Actions[a]; n > 0 {
					return fmt.Errorf("with a fresh journal, %d of %d records are answered with %s", n, rep.Records, a)
				}
			}
			if d := differ(before, b.held(ctx, t)); d != "" {
				return fmt.Errorf("after the second time, %s", d)
			}
			return nil
		})
	})
}

// change changes one record that the run made, the first that the harness can change.
func (b *bench) change(ctx context.Context, t replay.Target, journal string) (string, error) {
	if b.h.Change == nil {
		return "", errSkip
	}
	var made []string
	_, err := b.applyWith(ctx, t, b.src, journal, &replay.Options{OnReceipt: func(rc replay.Receipt) {
		if rc.Action == replay.Created {
			made = append(made, rc.Key)
		}
	}})
	if err != nil {
		return "", err
	}
	for _, k := range made {
		switch err := b.h.Change(ctx, t, k); {
		case err == nil:
			return k, nil
		case !errors.Is(err, errors.ErrUnsupported):
			return "", err
		}
	}
	return "", errors.New("the harness can change none of the records that were made")
}

func conflictStays(ctx context.Context, h Harness) error {
	if h.OwnIDs {
		return errSkip
	}
	return prepared(ctx, h, func(b *bench) error {
		return b.target(ctx, func(t replay.Target) error {
			key, err := b.change(ctx, t, b.journal())
			if err != nil {
				return err
			}
			before := b.held(ctx, t)
			var got replay.Receipt
			rep, err := b.applyWith(ctx, t, b.src, b.journal(), &replay.Options{OnReceipt: func(rc replay.Receipt) {
				if rc.Key == key {
					got = rc
				}
			}})
			if err != nil {
				return err
			}
			if rep.Actions[replay.Same] == 0 {
				return nil // another rule's business
			}
			if got.Action != replay.Conflict {
				return fmt.Errorf("%s was changed in the target, and is answered with %s", key, got.Action)
			}
			if d := differ(before, b.held(ctx, t)); d != "" {
				return fmt.Errorf("%s was changed in the target; after a replay %s", key, d)
			}
			return nil
		})
	})
}
