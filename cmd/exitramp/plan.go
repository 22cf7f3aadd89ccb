package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/replay"
)

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
		RunE: func(c *cobra.Command, args []string) error { return a.plan(c.Context(), args[0], args[1], nil, f) },
	}
	f.add(c)
	f.addWhat(c)
	c.Flags().StringVar(&f.asks, "approvals-out", "", "write what waits for a person to `FILE`, to be filled in (default OUTPUT.approvals.yaml, with -o)")
	c.Flags().StringVarP(&f.out, "output", "o", "", "write the plan to `FILE`: exitramp replay FILE carries it out, and refuses if archive or target changed")
	return c
}

// plan says what a replay would do; of one that was reviewed (nil: none), whether it would still do that.
func (a *app) plan(ctx context.Context, archive, target string, reviewed *replay.PlanFile, f *replayFlags) error {
	if err := ofKind("--output", f.out, `{"plan":"`); err != nil {
		return err
	}
	if f.out != "" && filepath.Clean(f.out) == filepath.Clean(f.asks) {
		return usagef("--output and --approvals-out name one file, %s: the plan would be lost", f.out)
	}
	t, err := a.openTransfer(ctx, archive, target, f)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := asReviewed(t.options, reviewed, f.names); err != nil {
		return err
	}
	if err := t.embed(ctx, &f.embedderFlags, vectorsOf(journalOf(archive, f)), true); err != nil {
		return err
	}
	p := t.progress("plan")
	asks := &approvalsFile{path: f.asks}
	if err := asks.free(); err != nil {
		return err
	}
	beside, filled := f.out+".approvals.yaml", false
	if asks.path == "" && f.out != "" {
		if filled = exists(beside); !filled {
			asks.path = beside
		}
	}
	if asks.path != "" {
		t.options.OnWaiting = asks.add
	}
	defer asks.discard()
	var rep *replay.Report
	if f.out == "" {
		rep, err = replay.Plan(ctx, t.target, t.source, t.options)
	} else {
		rep, err = t.writePlan(ctx, f.out)
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
	if err := a.printReplay("plan", rep, t.vectors, f.json); err != nil {
		return err
	}
	if f.asks != "" && asks.written == "" {
		fmt.Fprintf(a.stderr, "nothing waits for a person: %s was not written\n", f.asks)
	}
	if filled && rep.Actions[replay.Held] > 0 {
		fmt.Fprintf(a.stderr, "! %s is there already, may be filled in, and stays as it is: what waits now may be other records; --approvals-out FILE names them\n", beside)
	}
	if rep.Infeasible() && !f.slow {
		return infeasible()
	}
	return nil
}

// infeasible is the error of what would take too long, where it was printed how long.
func infeasible() error {
	return tooSlow(fmt.Errorf("%w: it takes longer than %d days", replay.ErrInfeasible, int(replay.MostTime.Hours()/24)))
}

// tooSlow is what a plan that cannot end in time comes to.
func tooSlow(err error) error {
	return &exitError{code: exitCheck, err: err, hint: "have the quota raised, replay fewer --kinds, or go on all the same with --accept-slow"}
}

func (t *transfer) writePlan(ctx context.Context, path string) (*replay.Report, error) {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() { // a rename would take its place: that of /dev/null, too
		return nil, usagef("--output %s: it is there, and no file that a plan could replace", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // two runs do not write to one file
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriter(f)
	rep, err := replay.WritePlan(ctx, w, t.target, t.source, t.options)
	if err == nil { // else w says again what ended the plan
		err = errors.Join(w.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
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
	p, err := replay.ReadPlan(bufio.NewReader(f), nil)
	if errors.Is(err, replay.ErrPlan) { // somebody changed what was reviewed
		if isZip(path) {
			return nil, withHint(usagef("%s is an archive, and a plan is wanted where no target is named", path), "say where it goes: exitramp replay "+shellWord(path)+" TARGET")
		}
		return nil, &exitError{code: exitRefused, class: "plan", err: fmt.Errorf("%s: %w", path, err), hint: "exitramp plan ARCHIVE TARGET -o FILE makes it anew"}
	}
	return p, err
}
