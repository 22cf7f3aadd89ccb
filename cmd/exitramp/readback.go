package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/replay"
)

func (a *app) readbackCmd() *cobra.Command {
	f := &replayFlags{}
	var plan, name, into string
	c := &cobra.Command{
		Use: "readback ARCHIVE TARGET", Short: "Read the target anew and compare it with the archive",
		Args: func(c *cobra.Command, args []string) error {
			if plan != "" {
				return cobra.NoArgs(c, args)
			}
			return cobra.ExactArgs(2)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if plan != "" {
				if err := leftAsideBut(c, "with --drill, all is as its plan says", "drill", "drill-name", "drill-into", "journal", "json"); err != nil {
					return err
				}
				return a.readbackDrill(c.Context(), plan, name, into, f.journal)
			}
			if err := leftAside(c, "it is for --drill PLAN.yaml", "drill-name", "drill-into"); err != nil {
				return err
			}
			return a.readback(c.Context(), args[0], args[1], f)
		},
	}
	f.add(c)
	c.Flags().StringVar(&f.names, "map", "", "the map `FILE` of the replay, to be compared with the one that its journal holds")
	addTombstones(c, &f.tombstones)
	c.Flags().StringVar(&plan, "drill", "", "read back for the drill of `PLAN.yaml`: archive, target and known answers are of the plan")
	c.Flags().StringVar(&name, "drill-name", "", "`NAME` of the drill, in place of the plan's")
	c.Flags().StringVar(&into, "drill-into", "", "the target of this `NAME`, of several in the plan")
	c.Flags().StringVar(&f.journal, "journal", "", "journal `FILE` of the replay (default ARCHIVE.journal, where it is there and of TARGET)")
	return c
}

func (a *app) undoCmd() *cobra.Command {
	f := &replayFlags{}
	c := &cobra.Command{
		Use: "undo JOURNAL TARGET", Short: "Take out of a target what one replay wrote, and nothing else", Args: cobra.ExactArgs(2),
		Long: `Takes out of TARGET what the replay of JOURNAL made, and names what it left: what was changed since, and
what was there before. What was gone from TARGET already is counted apart (files of Codex and Claude Code,
and AgentCore, do not tell it).

With --tombstones the target is read once more afterwards, and what of them is still there is named: an
undo takes out what one replay made, and nothing else. Exit code 3 where anything is.

With --hold the target is read before. Where the replay brought something that is under a legal hold,
nothing at all is taken out: exit code 5, and a person decides.`,
		RunE: func(c *cobra.Command, args []string) error {
			if f.dryRun {
				if err := leftAside(c, "it is looked for after an undo, and --dry-run takes nothing out", "tombstones"); err != nil {
					return err
				}
			}
			if err := a.held(c.Context(), args[0], args[1], f); err != nil {
				return err
			}
			return a.undo(c.Context(), args[0], args[1], f)
		},
	}
	addTombstones(c, &f.tombstones)
	c.Flags().StringArrayVar(&f.holds, "hold", nil, "keys in a `FILE` that are under a legal hold, one a line: nothing of them is taken out; may be given again")
	f.keys.add(c)
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be taken out, by the journal alone")
	c.Flags().BoolVar(&f.json, "json", false, "the outcome as JSON")
	return c
}

func (a *app) readback(ctx context.Context, archive, target string, f *replayFlags) error {
	r, err := a.openTrusted(archive, &f.keys)
	if err != nil {
		return err
	}
	defer r.Close()
	rt, err := a.runtime(ctx, target)
	if err != nil {
		return err
	}
	defer rt.Close()
	j, path, err := a.journalInto(target, archive, f.journal)
	if err != nil {
		return err
	}
	if j != nil {
		defer j.Close()
		if err := j.Of(r.Info().ManifestSHA256); err != nil {
			return err
		}
	}
	if f.names != "" {
		if j == nil {
			return usagef("--map without a journal: what was renamed is found by the journal of the replay")
		}
		bound, err := j.Map()
		if err != nil {
			return err
		}
		if err := sameMap(f.names, bound); err != nil {
			return err
		}
	}
	want, x, err := a.expectation(r, j, path)
	if err != nil {
		return err
	}
	defer x.Close()
	counts := archiveCounts(r)
	tombstones, err := a.tombstones(ctx, f.tombstones, &f.keys)
	if err != nil {
		return err
	}
	if j != nil && len(tombstones) == 0 && len(j.Kinds()) > 0 {
		fmt.Fprintf(a.stderr, "! compared are the kinds that the replay was given: %s\n", strings.Join(j.Kinds(), ", "))
	}
	rep, err := replay.ReadBackWith(ctx, watched{want, a, "read the archive", counts}, watched{rt, a, "read back", counts}, j, &replay.ReadBackOptions{Tombstones: tombstones})
	if err != nil {
		return ofSide(err, archive, target)
	}
	return a.printFidelity("read back", rep, f.json, false)
}

// journalInto is the journal of the replay of archive into target, and its name: what was named, or ARCHIVE.journal
// where it is there and is of that target. nil: none.
func (a *app) journalInto(target, archive, named string) (*replay.Journal, string, error) {
	path := named
	if path == "" {
		if path = archivePath(archive) + ".journal"; !exists(path) {
			return nil, path, nil
		}
	}
	j, err := openJournal(path)
	if err != nil {
		return nil, path, err
	}
	_, folder := unpacked(target)
	if named != "" || folder || isArchive(target) { // an archive does not say which target it was read from
		return j, path, nil
	}
	if err := ofTarget(j, path, target); err != nil {
		fmt.Fprintf(a.stderr, "! %s is of the target %s and does not count here; --journal FILE names the one that does\n", path, clean(j.Target()))
		return nil, path, j.Close()
	}
	return j, path, nil
}

func (a *app) undo(ctx context.Context, journal, target string, f *replayFlags) error {
	j, err := openJournal(journal)
	if err != nil && isArchive(journal) {
		return withHint(usagef("%s is an archive, and a journal is wanted", journal), journalHint)
	}
	if err != nil {
		return err
	}
	defer j.Close()
	if err := ofTarget(j, journal, target); err != nil {
		return err
	}
	tombstones, err := a.tombstones(ctx, f.tombstones, &f.keys)
	if err != nil {
		return err
	}
	if f.dryRun || len(tombstones) > 0 {
		rep, err := replay.PlanUndo(j)
		if err != nil {
			return err
		}
		if f.dryRun {
			return a.printUndoPlan(rep, f.json)
		}
	}
	rt, dst, err := a.target(ctx, target)
	if err != nil {
		return err
	}
	defer rt.Close()
	tombstones, err = j.KeysThere(ctx, watched{rt, a, "look for what has a tombstone", nil}, tombstones) // before it is taken out
	if err != nil {
		return unnamed(err, target, "tombstone")
	}
	rep, err := replay.Undo(ctx, dst, j)
	if errors.Is(err, context.Canceled) {
		return &exitError{code: exitResume, err: fmt.Errorf("stopped; the journal is %s", journal), hint: "run the same command again to go on"}
	}
	if err != nil {
		return err
	}
	if len(tombstones) == 0 {
		return a.printUndo(rep, nil, f.json)
	}
	left, err := a.alive(ctx, target, tombstones)
	if rep.Removed+rep.Gone > 0 && errors.Is(err, fs.ErrNotExist) { // the replay had made the file itself
		left, err = &replay.AliveReport{Keys: []string{}}, nil
	}
	if err != nil {
		return err
	}
	return a.printUndo(rep, left, f.json)
}

// alive reads target anew, for what tombstones name by their keys there.
func (a *app) alive(ctx context.Context, target string, tombstones []string) (*replay.AliveReport, error) {
	rt, err := a.runtime(ctx, target)
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	return replay.Alive(ctx, watched{rt, a, "look for what has a tombstone", nil}, nil, tombstones)
}
