package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/format"
)

type replayFlags struct {
	keys    keyFlags
	kinds   []string
	approve string
	asks    string   // --approvals-out
	names   string   // --map
	graves  []string // --tombstones
	holds   []string // --hold
	out     string
	journal string
	refused string
	json    bool
	dryRun  bool
	slow    bool // --accept-slow
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
	addGraves(c, &f.graves)
	c.Flags().BoolVar(&f.slow, "accept-slow", false, "go on with what takes longer than 30 days at the target's limits")
	c.Flags().StringVar(&f.names, "map", "", "rename by `FILE` (YAML): tools, principals, namespaces, models")
	c.Flags().StringVar(&f.approve, "approve", "", "`FILE` of what a person lets through: approvals as plan writes them, filled in, or keys, one a line")
	f.embedderFlags.add(c)
}

func (a *app) planCmd() *cobra.Command {
	f := &replayFlags{}
	c := &cobra.Command{
		Use: "plan ARCHIVE TARGET", Short: "What a replay would do; writes nothing to the target", Args: cobra.ExactArgs(2),
		Long: `Says for every record what a replay would do with it, and writes nothing to the target.

What gives power is off until a person lets it through: with -o FILE what waits is written to
FILE.approvals.yaml, a line each; fill in approved_by and date, and give it back with --approve.

--map renames on the way into another runtime. Names that it does not have wait for a person, or as
unmapped says:

  unmapped: hold                      # or refuse, keep; or one a noun: {tools: keep, models: refuse}
  tools:
    lookup_order: orders.lookup
    refund: {name: orders.refund, arguments: {order: order_id}}
  principals: {ada: ada@example.org}  # by the last part of the key, or by whole key
  namespaces: {users/*: people/*}
  models: {gpt-4.1: {name: gpt-5.1, provider: openai}}

Names inside of texts and of a runtime's own documents stay, so a target that takes those whole, as
the same runtime does, is refused with a map. A plan that would take longer than 30 days at the
target's limits is INFEASIBLE: exit code 4.`,
		RunE: func(c *cobra.Command, args []string) error { return a.plan(c.Context(), args[0], args[1], f) },
	}
	f.add(c)
	f.addWhat(c)
	c.Flags().StringVar(&f.asks, "approvals-out", "", "write what waits for a person to `FILE`, to be filled in (default OUTPUT.approvals.yaml, with -o)")
	c.Flags().StringVarP(&f.out, "output", "o", "", "write the plan to `FILE`: exitramp replay FILE carries it out, and refuses if archive or target changed")
	return c
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
		if len(args) == 2 {
			return a.replay(c.Context(), args[0], args[1], "", f)
		}
		return a.replay(c.Context(), archive, target, args[0], f)
	}
	f.add(c)
	f.addWhat(c)
	c.Flags().StringVar(&f.journal, "journal", "", "journal `FILE` (default ARCHIVE.journal)")
	c.Flags().StringVar(&f.refused, "refused", "", "`FILE` for what the target refuses (default JOURNAL.refused.ndjson)")
	c.Flags().StringVar(&archive, "archive", "", "the archive of PLAN, where it is no longer where it was")
	c.Flags().StringVar(&target, "target", "", "the target of PLAN, where it has a password: a plan does not hold it")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "as plan")
	return c
}

// target opens a runtime to write to.
func (a *app) target(ctx context.Context, rawURL string) (exporters.Runtime, replay.Target, error) {
	rt, err := a.runtime(ctx, rawURL)
	if err != nil {
		return nil, nil, err
	}
	t, err := exporters.Replayable(rt)
	if err != nil {
		rt.Close()
		return nil, nil, err
	}
	return rt, t, nil
}

func (a *app) replayOptions(ctx context.Context, r *format.Reader, archive, target string, f *replayFlags) (*replay.Options, error) {
	o := &replay.Options{Kinds: f.kinds, ArchiveSHA256: r.Info().ManifestSHA256, TargetURL: exporters.Redact(target), ArchivePath: archive, AcceptSlow: f.slow, TargetModel: f.target}
	var err error
	if o.Map, err = readMap(f.names); err != nil {
		return nil, err
	}
	if o.Holds, err = a.tombstones(ctx, f.holds, &f.keys); err != nil {
		return nil, err
	}
	if o.Tombstones, err = a.tombstones(ctx, f.graves, &f.keys); err != nil || f.approve == "" {
		return o, err
	}
	o.Approved, o.Approvals, err = a.readApprovals(f.approve)
	return o, err
}

// journalOf is the journal of a replay of archive.
func journalOf(archive string, f *replayFlags) string {
	if f.journal != "" {
		return f.journal
	}
	return archivePath(archive) + ".journal"
}

func (a *app) plan(ctx context.Context, archive, target string, f *replayFlags) error {
	r, err := a.openTrusted(archive, &f.keys)
	if err != nil {
		return err
	}
	defer r.Close()
	rt, dst, err := a.target(ctx, target)
	if err != nil {
		return err
	}
	defer rt.Close()
	o, err := a.replayOptions(ctx, r, archive, target, f)
	if err != nil {
		return err
	}
	src, x, err := a.embedded(ctx, r, &f.embedderFlags, vectorsOf(journalOf(archive, f)), true)
	if err != nil {
		return err
	}
	defer x.Close()
	if err := a.unmixed(ctx, src, r.Info().Records["embedding"], rt, dst, o, x); err != nil {
		return err
	}
	p := a.newProgress("plan", "records")
	p.expect(archiveCounts(r))
	o.OnReceipt = func(rc replay.Receipt) { p.add(agentstate.KindOfKey(rc.Key)) }
	asks := &approvalsFile{path: f.asks}
	if err := asks.free(); err != nil {
		return err
	}
	if beside := f.out + ".approvals.yaml"; asks.path == "" && f.out != "" && !exists(beside) { // else it may be filled in
		asks.path = beside
	}
	if asks.path != "" {
		o.OnWaiting = asks.add
	}
	defer asks.discard()
	var rep *replay.Report
	if f.out == "" {
		rep, err = replay.Plan(ctx, dst, src, o)
	} else {
		rep, err = a.writePlan(ctx, f.out, dst, src, o)
	}
	p.done()
	if err != nil {
		return err
	}
	if err := asks.close(); err != nil {
		return err
	}
	a.result["plan"] = actions(rep)
	a.asks = asks.written
	if err := a.printReplay("plan", rep, x, f.json); err != nil {
		return err
	}
	if rep.Infeasible() && !f.slow {
		return tooSlow(fmt.Errorf("%w: it takes longer than %d days", replay.ErrInfeasible, int(replay.MostTime.Hours()/24)))
	}
	return nil
}

// tooSlow is what a plan that cannot end in time comes to.
func tooSlow(err error) error {
	return &exitError{code: exitCheck, err: err, hint: "have the quota raised, replay fewer --kinds, or go on all the same with --accept-slow"}
}

func (a *app) writePlan(ctx context.Context, path string, dst replay.Target, r agentstate.Source, o *replay.Options) (*replay.Report, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // two runs do not write to one file
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriter(f)
	rep, err := replay.WritePlan(ctx, w, dst, r, o)
	if err := errors.Join(err, w.Flush(), f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return rep, os.Rename(f.Name(), path)
}

func readPlan(path string) (*replay.PlanFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return replay.ReadPlan(bufio.NewReader(f), nil)
}

func (a *app) replay(ctx context.Context, archive, target, planPath string, f *replayFlags) error {
	if f.dryRun && planPath == "" {
		return a.plan(ctx, archive, target, f)
	}
	var reviewed *replay.PlanFile
	if planPath != "" {
		var err error
		if reviewed, err = readPlan(planPath); err != nil {
			return err
		}
		if archive == "" {
			archive = reviewed.ArchivePath
		}
		if target == "" && !strings.Contains(reviewed.TargetURL, exporters.Hidden) {
			target = reviewed.TargetURL
		}
		if archive == "" || target == "" {
			return usagef("the target of this plan has a password or an option that a plan does not hold: give it with --target (it was %s)", reviewed.TargetURL)
		}
	}
	if reviewed != nil && (f.approve != "" || f.kinds != nil || f.graves != nil || f.holds != nil) {
		return usagef("--approve, --kinds, --tombstones and --hold belong to the plan: exitramp plan with them, and replay that")
	}
	r, err := a.openTrusted(archive, &f.keys)
	if err != nil {
		return err
	}
	defer r.Close()
	rt, dst, err := a.target(ctx, target)
	if err != nil {
		return err
	}
	defer rt.Close()
	o, err := a.replayOptions(ctx, r, archive, target, f)
	if err != nil {
		return err
	}
	if reviewed != nil {
		if err := sameMap(f.names, reviewed.Map); err != nil {
			return err
		}
		o.Reviewed, o.Map = reviewed, reviewed.Map
		o.Kinds, o.Approved, o.Approvals, o.Tombstones, o.Holds = reviewed.Kinds, reviewed.Approved, reviewed.Approvals, reviewed.Tombstones, reviewed.Holds
	}
	journal := journalOf(archive, f)
	j, err := replay.OpenJournal(journal)
	if err != nil {
		return err
	}
	defer j.Close()
	o.Journal = j
	if v := bound(j, reviewed); v != nil && f.spec == "" {
		return usagef("this run makes its vectors anew with %s: give its --embedder", v)
	}
	src, x, err := a.embedded(ctx, r, &f.embedderFlags, vectorsOf(journal), false)
	if err != nil {
		return err
	}
	defer x.Close()
	if err := a.unmixed(ctx, src, r.Info().Records["embedding"], rt, dst, o, x); err != nil {
		return err
	}
	refused := f.refused
	if refused == "" {
		refused = journal + ".refused.ndjson"
	}
	rf := &lazyFile{path: refused}
	defer rf.Close()
	o.Refused = rf
	p := a.newProgress("replay", "records")
	p.expect(archiveCounts(r))
	o.OnReceipt = func(rc replay.Receipt) { p.add(agentstate.KindOfKey(rc.Key)) }
	rep, err := replay.Apply(ctx, dst, src, o)
	p.done()
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return &exitError{code: exitResume, err: fmt.Errorf("stopped; the journal is %s", journal), hint: "run the same command again to go on"}
		}
		if errors.Is(err, replay.ErrInfeasible) {
			return tooSlow(err)
		}
		if errors.Is(err, replay.ErrOtherRun) {
			return withHint(err, "to begin anew, run the same command with --journal "+shellWord(unused(journal)))
		}
		if rep != nil && len(rep.Actions) > 0 { // the login ended, a quota was reached, a disk is full
			return &exitError{code: exitResume, err: fmt.Errorf("%w; what was written is in the journal %s", err, journal), hint: goOn(err)}
		}
		return err
	}
	if err := rf.Close(); err != nil {
		return err
	}
	if !rf.made && f.refused == "" { // what an earlier attempt was refused was taken by now
		if err := os.Remove(refused); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	a.result["replay"], a.result["journal"] = actions(rep), journal
	if err := a.printReplay("replay", rep, x, f.json); err != nil {
		return err
	}
	if !f.json {
		fmt.Fprintf(a.stdout, "undo: exitramp undo %s %s\n", shellWord(journal), shellWord(exporters.Redact(target)))
	}
	if rep.Records > 0 && rep.Actions[replay.Skipped] == rep.Records {
		return &exitError{code: exitPartial, err: errors.New("nothing was written: the target has no place for any record of this archive"), hint: "the lines above say why, kind by kind; exitramp drivers lists the runtimes"}
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

// lazyFile comes into being with its first byte.
type lazyFile struct {
	path string
	f    *os.File
	made bool
}

func (l *lazyFile) Write(b []byte) (int, error) {
	if l.f == nil {
		f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return 0, err
		}
		l.f = f
	}
	return l.f.Write(b)
}

func (l *lazyFile) Close() error {
	if l.f == nil {
		return nil
	}
	err := errors.Join(l.f.Sync(), l.f.Close())
	l.f, l.made = nil, true
	return err
}
