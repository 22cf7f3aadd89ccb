package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/format"
	"github.com/exitramp/exitramp/internal/diskfull"
	"github.com/exitramp/exitramp/internal/lazyfile"
)

type replayFlags struct {
	keys       keyFlags
	kinds      []string
	approve    string
	asks       string   // --approvals-out
	names      string   // --map
	tombstones []string // --tombstones
	holds      []string // --hold
	out        string
	journal    string
	refused    string
	json       bool
	dryRun     bool
	slow       bool // --accept-slow
	readback   bool
	embedderFlags
}

func (f *replayFlags) add(c *cobra.Command) {
	f.keys.add(c)
	f.keys.addTrust(c)
	c.Flags().BoolVar(&f.json, "json", false, "the outcome as JSON")
}

func (f *replayFlags) addWhat(c *cobra.Command) {
	c.Flags().StringSliceVar(&f.kinds, "kinds", nil, "only these kinds")
	c.Flags().StringArrayVar(&f.holds, "hold", nil, "keys in a `FILE` that are under a legal hold, one a line: what has a tombstone as well waits for a person; may be given again")
	addTombstones(c, &f.tombstones)
	c.Flags().BoolVar(&f.slow, "accept-slow", false, "go on with what takes longer than 30 days at the target's limits")
	c.Flags().StringVar(&f.names, "map", "", "rename by `FILE` (YAML): tools, principals, namespaces, models")
	c.Flags().StringVar(&f.approve, "approve", "", "`FILE` of what a person lets through: approvals as plan writes them, filled in, or keys, one a line")
	f.embedderFlags.add(c)
}

func (a *app) replayCmd() *cobra.Command {
	f := &replayFlags{}
	c := &cobra.Command{
		Use: "replay ARCHIVE TARGET | replay PLAN", Short: "Write an archive's state into a runtime",
		Long: `Writes into TARGET what plan announced. What is there alike stays; what is there otherwise is left as
it is and named. Killed, it goes on when the same command is run again: the journal knows what was
written. exitramp undo takes it out again.`,
		Args: cobra.RangeArgs(1, 2),
	}
	var archive, target string
	c.RunE = func(c *cobra.Command, args []string) error {
		plan := args[0]
		if len(args) == 2 {
			if archive != "" || target != "" {
				return usagef("--archive and --target are for a PLAN: with ARCHIVE and TARGET named, they would be left aside")
			}
			archive, target, plan = args[0], args[1], ""
		}
		if f.dryRun {
			if err := leftAside(c, "--dry-run writes nothing", "readback", "refused"); err != nil {
				return err
			}
		}
		reviewed, archive, target, err := f.reviewed(archive, target, plan)
		if err != nil {
			return err
		}
		if f.dryRun {
			return begun(a.plan(c.Context(), archive, target, reviewed, f), journalOf(archive, f), target)
		}
		r, err := a.replay(c.Context(), archive, target, reviewed, f)
		if err != nil {
			return err
		}
		return a.replayed(c, r, f)
	}
	f.add(c)
	f.addWhat(c)
	c.Flags().StringVar(&f.journal, "journal", "", "journal `FILE` (default ARCHIVE.journal)")
	c.Flags().StringVar(&f.refused, "refused", "", "`FILE` for what the target refuses (default JOURNAL.refused.ndjson)")
	c.Flags().StringVar(&archive, "archive", "", "the archive of PLAN, where it is no longer where it was")
	c.Flags().StringVar(&target, "target", "", "the target of PLAN, where it has a password: a plan does not hold it")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "as plan: write nothing to the target")
	c.Flags().BoolVar(&f.readback, "readback", false, "when all is written, have a second process read the target back, as exitramp readback does")
	return c
}

// begun is err of a dry run; of a plan whose run was begun it says that this is why the plan holds no longer.
func begun(err error, journal, target string) error {
	if !errors.Is(err, replay.ErrStale) || !exists(journal) {
		return err
	}
	j, jerr := replay.OpenJournal(journal)
	if jerr != nil {
		return err
	}
	defer j.Close()
	if j.Target() == "" || ofTarget(j, journal, target) != nil {
		return err
	}
	return withHint(err, "where "+journal+" is the journal of this plan's run, that was begun, and what it wrote is there: the same command without --dry-run goes on")
}

// journalOf is the journal of a replay of archive.
func journalOf(archive string, f *replayFlags) string {
	if f.journal != "" {
		return f.journal
	}
	return archivePath(archive) + ".journal"
}

// refusedFile is the file for what the target refuses.
func (f *replayFlags) refusedFile(journal string) (string, error) {
	path := f.refused
	if path == "" {
		path = journal + ".refused.ndjson"
	}
	if filepath.Clean(path) == filepath.Clean(journal) {
		return "", usagef("--refused %s: it is the journal", path)
	}
	return path, ofKind("--refused", path, `{"key":"`)
}

// ran is a replay that has ended.
type ran struct {
	rep                               *replay.Report
	vectors                           *embedding
	archive, target, journal, refused string
}

func (a *app) replay(ctx context.Context, archive, target string, reviewed *replay.PlanFile, f *replayFlags) (*ran, error) {
	journal := journalOf(archive, f)
	refused, err := f.refusedFile(journal)
	if err != nil {
		return nil, err
	}
	t, err := a.openTransfer(ctx, archive, target, f)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	o := t.options
	if err := asReviewed(o, reviewed, f.names); err != nil {
		return nil, err
	}
	j, err := replay.OpenJournal(journal)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	o.Journal = j
	if v := bound(j, reviewed); v != nil && f.spec == "" {
		return nil, usagef("this run makes its vectors anew with %s: give its --embedder", v)
	}
	if err := t.embed(ctx, &f.embedderFlags, vectorsOf(journal), false); err != nil {
		return nil, err
	}
	rf := lazyfile.New(refused)
	defer rf.Close()
	o.Refused = rf
	p := t.progress("replay")
	rep, err := replay.Apply(ctx, t.target, t.source, o)
	p.done()
	if err != nil {
		return nil, replayFailed(err, rep, journal)
	}
	if err := rf.Close(); err != nil {
		return nil, err
	}
	if !rf.Made() && f.refused == "" { // what an earlier attempt was refused was taken by now
		if err := os.Remove(refused); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return &ran{rep, t.vectors, archive, target, journal, refused}, nil
}

// undoText is the command that takes a replay into target out again, as a shell can run it.
func undoText(journal, target string) string {
	word, full := urlWord(target)
	text := fmt.Sprintf("undo: exitramp undo %s %s", shellWord(journal), word)
	if !full {
		text += "\n      TARGET is the URL that this replay was given, which is not printed in full: " + clean(exporters.Redact(target))
	}
	return text
}

// urlWord is the URL of a runtime in a command that is printed. One that is not printed in full is a variable, which exitramp refuses
// as long as it is not set.
func urlWord(rawURL string) (word string, full bool) {
	shown := exporters.Redact(rawURL)
	if strings.Contains(shown, exporters.Hidden) || strings.Contains(shown, "…") || strings.Contains(rawURL, "#") {
		return `"$TARGET"`, false
	}
	return shellWord(shown), true
}

// reviewed is the plan that is replayed, nil where there is none, and the archive and the target that are
// meant: given, or as the plan has them.
func (f *replayFlags) reviewed(archive, target, planPath string) (_ *replay.PlanFile, from, to string, err error) {
	if planPath == "" {
		return nil, archive, target, nil
	}
	plan, err := readPlan(planPath)
	if err != nil {
		return nil, "", "", err
	}
	if archive == "" {
		if archive = plan.ArchivePath; archive != "" && !exists(archivePath(archive)) {
			return nil, "", "", withHint(fmt.Errorf("the archive of %s is not at %s", planPath, archive), "--archive FILE says where it is now")
		}
	}
	if target == "" && !strings.Contains(plan.TargetURL, exporters.Hidden) {
		target = plan.TargetURL
	}
	if archive == "" || target == "" {
		return nil, "", "", usagef("the target of this plan has a password or an option that a plan does not hold: give it with --target (it was %s)", plan.TargetURL)
	}
	if f.approve != "" || f.kinds != nil || f.tombstones != nil || f.holds != nil {
		return nil, "", "", usagef("--approve, --kinds, --tombstones and --hold belong to the plan: exitramp plan with them, and replay that")
	}
	return plan, archive, target, nil
}

// asReviewed puts into o what a plan has decided; nil: there is none. names is the map that was given.
func asReviewed(o *replay.Options, plan *replay.PlanFile, names string) error {
	if plan == nil {
		return nil
	}
	if err := sameMap(names, plan.Map); err != nil {
		return err
	}
	o.Reviewed, o.Map = plan, plan.Map
	o.Kinds, o.Approved, o.Approvals, o.Tombstones, o.Holds = plan.Kinds, plan.Approved, plan.Approvals, plan.Tombstones, plan.Holds
	return nil
}

// replayFailed is err with what to do now.
func replayFailed(err error, rep *replay.Report, journal string) error {
	switch {
	case errors.Is(err, context.Canceled) && !exists(journal):
		return &exitError{code: exitResume, err: errors.New("stopped"), hint: beginAgain}
	case errors.Is(err, context.Canceled):
		return &exitError{code: exitResume, err: fmt.Errorf("stopped; the journal is %s", journal), hint: "run the same command again to go on"}
	case errors.Is(err, replay.ErrInfeasible):
		return tooSlow(err)
	case errors.Is(err, replay.ErrOtherRun):
		return withHint(err, "to begin anew, run the same command with --journal "+shellWord(unused(journal)))
	case errors.Is(err, replay.ErrRule):
		return &exitError{code: exitResume, err: fmt.Errorf("%w; the journal is %s", err, journal), hint: ruleHint}
	case format.Class(err) != "": // what is read is refused: it will be the next time, too
		if rep == nil || len(rep.Actions) == 0 {
			return err
		}
		hint := "exitramp undo takes out what was written"
		if h := hintOf(err); h != "" {
			hint = h + ", with which the same command goes on; " + hint
		}
		return withHint(fmt.Errorf("%w; what was written is in the journal %s", err, journal), hint)
	case rep != nil && len(rep.Actions) > 0: // the login ended, a quota was reached, a disk is full
		return &exitError{code: exitResume, err: fmt.Errorf("%w; what was written is in the journal %s", err, journal), hint: goOn(err)}
	case diskfull.Is(err): // nothing is written yet
		return &exitError{code: exitResume, err: err, hint: fullHint}
	}
	return err
}

// ruleHint is what a person does where a constraint or a trigger of the target keeps a record out.
const ruleHint = "mend or drop the rule that is named, or leave the record out (--tombstones FILE with its key), then run the same command again"

// writtenText is how much of what was to be written is there now, whichever attempt wrote it. What is held waits for a
// person, and is not there.
func writtenText(rep *replay.Report) string {
	n, c, r, h := rep.Actions[replay.Created]+rep.Actions[replay.Updated], rep.Actions[replay.Conflict], rep.Actions[replay.Refused], rep.Actions[replay.Held]
	all := n + c + r + h
	if all == 0 {
		return "nothing to write"
	}
	text := fmt.Sprintf("%s of %s written", number(n), number(all))
	if c > 0 {
		text += ", " + plural(int(c), "conflict", "conflicts")
	}
	if r > 0 {
		text += ", " + number(r) + " refused"
	}
	if h > 0 {
		text += ", " + number(h) + " held"
	}
	if rep.Resumed > 0 && n > 0 {
		text += "; " + plural(int(rep.Resumed), "record", "records") + " as an earlier attempt left them"
	}
	return text
}

// notWritten is the error of a replay that ended and left something out; refused is the file that names it. What is skipped without a
// loss is not left out.
func notWritten(rep *replay.Report, refused string) error {
	if len(rep.NoPlace) > 0 && rep.Actions[replay.Skipped] == rep.Records {
		of := "any record of this archive"
		if rep.Erased > 0 {
			of += " that is not erased"
		}
		return &exitError{code: exitPartial, err: errors.New("nothing was written: the target has no place for " + of), hint: "the lines above say why, kind by kind; exitramp drivers lists the runtimes"}
	}
	if rep.Actions[replay.Refused]+rep.Actions[replay.Conflict] > 0 {
		return &exitError{code: exitPartial, err: errors.New("not all was written"), hint: "each one is named in " + refused + "; when that is mended, run the same command again"}
	}
	return nil
}

// unused is a name like that of a file which is there, of a file which is not.
func unused(path string) string {
	for n := 2; ; n++ {
		if name := fmt.Sprintf("%s.%d", path, n); !exists(name) {
			return name
		}
	}
}
