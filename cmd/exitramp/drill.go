package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exitdrill"
	"github.com/exitramp/exitramp/internal/diskfull"
)

type drillFlags struct {
	example bool
	name    string
	into    string // one of several targets; empty: all
	json    bool
	dryRun  bool
	inside  string // hidden: this process was started without a network; the network namespace of the one that did
}

func (a *app) drillCmd() *cobra.Command {
	f := &drillFlags{}
	c := &cobra.Command{
		Use: "drill PLAN.yaml", Short: "Rehearse the exit: export, verify, replay, read back, and say what was lost",
		Long: `Carries out the drill that PLAN.yaml describes, and judges it by 46 statements. exitramp drill --init
prints a plan with every key explained. A planned drill exports from the provider; a stressed one
starts from the last archive, and runs without a network where the system allows it.

A plan with several targets (into) is a drill a target, in their order, over one archive: each with files
and a verdict of its own. With --json each is an object of its own.

Passwords in URLs stand in the environment: write ${NAME}. Where one is not set, or the folder of a
target's file is not there, no drill begins, and --dry-run says so. Killed, a drill goes on when the same
command is run again; a target that cannot be read back, twice in the same way, ends it. It leaves a statement, signed where the plan names a key, and a line in the
ledger of drills.

Exit code 0: PASS, or PASS_WITH_LOSS, where every gate held and what is lost is listed. 4: not passed.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case f.example && f.json:
				return usagef("--init prints YAML, for people to fill in: leave --json out")
			case f.example && len(args) > 0:
				return withHint(usagef("--init prints a plan and reads none: %s would be left aside", args[0]), "exitramp drill --init > plan.yaml writes it into a file")
			case f.example:
				if err := leftAsideBut(c, "--init prints a plan, and no drill begins", "init"); err != nil {
					return err
				}
				_, err := fmt.Fprint(a.stdout, drill.Example)
				return err
			case len(args) != 1:
				return withHint(usagef("want: exitramp drill PLAN.yaml"), "exitramp drill --init > plan.yaml makes one to fill in")
			}
			return a.drillEach(c.Context(), args[0], f)
		},
	}
	c.Flags().BoolVar(&f.example, "init", false, "print a plan to fill in")
	c.Flags().StringVar(&f.name, "name", "", "`NAME` of this drill in place of the plan's: of the files that it leaves")
	c.Flags().StringVar(&f.into, "into", "", "only into the target of this `NAME`, of several in the plan")
	c.Flags().BoolVar(&f.json, "json", false, "the outcome as JSON")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "check the plan, its files and variables, and do nothing")
	c.Flags().StringVar(&f.inside, "inside-namespace", "", "")
	_ = c.Flags().MarkHidden("inside-namespace") // never fails: it is there
	return c
}

func readDrillPlan(path, name string) (*drill.Plan, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, absent(err, "exitramp drill --init > plan.yaml makes a plan to fill in")
	}
	defer f.Close()
	p, err := drill.ReadPlan(f)
	if err == nil && name != "" {
		p.Name = name
		err = p.Check()
	}
	if err != nil {
		return nil, withHint(usagef("%s: %v", path, err), "exitramp drill --init prints a plan with every key explained")
	}
	return p, nil
}

// drillEach carries out the drills of a plan: one, or one a target. The first that did not pass is the
// outcome; the others are carried out all the same.
func (a *app) drillEach(ctx context.Context, path string, f *drillFlags) error {
	whole, err := readDrillPlan(path, f.name)
	if err == nil {
		err = a.notRuntime(whole.Archive, "the name of an archive")
	}
	if err == nil {
		err = a.notRuntime(whole.Output, "a folder")
	}
	if err != nil {
		return err
	}
	list := whole.Each()
	if f.into != "" {
		p := whole.Of(f.into)
		if p == nil {
			return withHint(usagef("--into %s: no target of that name in %s", f.into, path), "into: in the plan names them")
		}
		list = []*drill.Plan{p}
	}
	ended := 0
	for _, p := range list {
		if _, err := os.Lstat(p.Statement()); err == nil {
			ended++
		}
	}
	if err := a.checkEach(ctx, list, f); err != nil {
		return err
	}
	var outcomes []map[string]any
	var failed error
	var first map[string]any // what became of the drill that failed
	var told bool            // and whether it said so
	note := func(p *drill.Plan, err error) {
		if v := a.result["verdict"]; v != nil {
			outcomes = append(outcomes, map[string]any{"name": p.Name, "verdict": v, "word": a.result["word"]})
		}
		if failed == nil && err != nil {
			failed, first, told = err, maps.Clone(a.result), a.told
		}
	}
	for i, p := range list {
		clear(a.result) // the verdict of another drill is none of this one
		a.told = false
		if _, err := os.Lstat(p.Statement()); err == nil && ended < len(list) && !f.dryRun {
			note(p, a.endedBefore(p))
			continue
		}
		of := *f
		if len(whole.Into) > 0 && whole.Level >= evidence.L3 {
			of.into = strings.TrimPrefix(p.Name, whole.Name+"-")
			if !f.json && !f.dryRun && i > 0 {
				fmt.Fprintln(a.stdout)
			}
		}
		err := a.drill(ctx, path, p, &of)
		note(p, err)
		if err != nil && exitCode(err) != exitCheck {
			return err
		}
	}
	if failed != nil { // the outcome of the command is that one's
		clear(a.result)
		maps.Copy(a.result, first)
		a.told = told
	}
	if len(list) > 1 {
		a.result["drills"] = outcomes
	}
	return failed
}

// endedBefore says the verdict of one of several drills, of which others are still to be carried out. What did not pass then
// does not pass now.
func (a *app) endedBefore(p *drill.Plan) error {
	pr := p.Ended()
	if pr == nil {
		return fmt.Errorf("%s has ended before, and its statement cannot be read: exitramp report %s says why", p.Name, shellWord(p.Statement()))
	}
	fmt.Fprintf(a.stderr, "%s has ended before: %s\n", p.Name, p.EndedAs(pr))
	word := a.verdict(pr)
	if passed(pr.Verdict) {
		return nil
	}
	return &exitError{code: exitCheck, err: fmt.Errorf("the drill %s did not pass: %s", p.Name, word), hint: "what did not hold is named with its reason in " + p.Statement()}
}

// verdict keeps how a drill ended for --status, and is it in a word.
func (a *app) verdict(pr *evidence.Predicate) string {
	j, word := pr.Judge(evidence.DefaultGates()), pr.Word(evidence.DefaultGates())
	a.result["verdict"], a.result["word"] = j.Verdict, word
	a.result["gates"], a.result["gates_held"], a.result["reasons"] = j.Gates, j.Held, j.Reasons
	return word
}

func passed(v evidence.Verdict) bool {
	return v == evidence.VerdictPass || v == evidence.VerdictPassWithLoss
}

// checkEach finds a slip in what the plan says of any of several targets, before the drill into the first is carried out.
func (a *app) checkEach(ctx context.Context, list []*drill.Plan, f *drillFlags) error {
	if len(list) < 2 || f.dryRun { // which is to check
		return nil
	}
	for _, p := range list {
		if exists(p.Statement()) {
			continue
		}
		if err := exitdrill.Check(ctx, p, a.drillOptions()); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return nil
}

func (a *app) drill(ctx context.Context, path string, p *drill.Plan, f *drillFlags) error {
	o := a.drillOptions()
	if f.dryRun {
		if err := exitdrill.Check(ctx, p, o); err != nil {
			return err
		}
		if err := p.Free(); err != nil {
			return a.drillFailed(err, path, p.Name)
		}
		if p.Mode == evidence.Stressed && !exists(p.Archive) {
			return withHint(fmt.Errorf("a stressed drill starts from an archive, and %s is not there", p.Archive), "a planned drill of the same plan makes it: mode: planned")
		}
		if f.json {
			return a.printJSON(map[string]any{"plan": "holds", "name": p.Name, "mode": p.Mode, "level": p.Level})
		}
		fmt.Fprintf(a.stdout, "the plan holds: %s, %s, level %s\n", p.Name, p.Mode, p.Level)
		return nil
	}
	if p.Mode == evidence.Stressed {
		if f.inside == "" {
			done, block, err := a.withoutNetwork(ctx, p, f.into)
			if done {
				return err
			}
			o.Blocked = block
		} else {
			o.Blocked, o.BlockProof = a.blocked(ctx, p, f.inside)
		}
		if !o.Blocked.Enforced {
			fmt.Fprintln(a.stderr, "! the provider is not kept out from outside of this process:", o.Blocked.Probe)
		}
	}
	o.ReadBack = a.secondProcess(path, f)
	var bar *progress
	phase := ""
	o.Progress = func(name string, r agentstate.Record) {
		if name != phase || bar == nil {
			if bar != nil {
				bar.done()
			}
			phase, bar = name, a.newProgress("drill: "+name, "records")
		}
		if r != nil {
			bar.add(agentstate.KindOf(r))
		}
	}
	out, err := exitdrill.Run(ctx, p, o)
	if bar != nil {
		bar.done()
	}
	if err != nil {
		return a.drillFailed(err, path, strings.TrimSuffix(p.Name, "-"+f.into))
	}
	return a.drilled(out, p, f)
}

func (a *app) drillOptions() *exitdrill.Options {
	return &exitdrill.Options{
		Registry: a.drivers, Now: a.now, Tool: a.tool(), Independent: openssl, Stderr: a.stderr,
		Timestamp: func(ctx context.Context, url string, request []byte) ([]byte, error) {
			ask, err := timestamper(url)
			if err != nil {
				return nil, err
			}
			return ask(ctx, request)
		},
		Lookup: func(name string) (string, bool) { v := a.getenv(name); return v, v != "" },
	}
}

// drillFailed says how a drill goes on that has not ended.
func (a *app) drillFailed(err error, path, name string) error {
	switch {
	case diskfull.Is(err):
		return &exitError{code: exitResume, err: err, hint: fullHint}
	case errors.Is(err, drill.ErrBroken) && errors.Is(err, replay.ErrRule):
		return &exitError{code: exitResume, err: err, hint: "mend or drop the rule that is named, then run the same command again to go on"}
	case errors.Is(err, drill.ErrBroken) && agentstate.IsLasting(err): // a script that goes on after 75 would never end
		return &exitError{code: exitOther, err: err, hint: "mend that, as a login that is refused, then run the same command again to go on"}
	case errors.Is(err, drill.ErrBroken):
		return &exitError{code: exitResume, err: err, hint: "run the same command again to go on"}
	case errors.Is(err, drill.ErrEnded):
		return withHint(err, fmt.Sprintf("exitramp drill %s --name %s-2, and where it is planned another archive in the plan", shellWord(path), name))
	case errors.Is(err, drill.ErrArchive):
		return withHint(err, "name another archive in the plan, or rehearse with this one: mode: stressed")
	case errors.Is(err, drill.ErrNoArchive):
		return withHint(err, "see why the first drill of the plan ended there")
	case errors.Is(err, drill.ErrLedgerLocked): // all is done but to enter it
		return &exitError{code: exitResume, err: err, hint: "wait for the other drill, then run the same command again: it goes on where it was"}
	case errors.Is(err, drill.ErrRunning):
		return withHint(err, "wait for the other drill, then run the same command again")
	}
	return err
}

// secondProcess has this program read the target back, started anew: it shares no memory with what
// wrote. It expands the URLs of the plan itself, so that no password is in its arguments.
func (a *app) secondProcess(plan string, f *drillFlags) func(ctx context.Context, journal string) (*drill.Back, error) {
	return func(ctx context.Context, journal string) (*drill.Back, error) {
		args := []string{"readback", "--drill", plan, "--journal", journal, "--json", "--progress=none"}
		if f.name != "" {
			args = append(args, "--drill-name", f.name)
		}
		if f.into != "" {
			args = append(args, "--drill-into", f.into)
		}
		var stderr bytes.Buffer
		stdout, code, err := anew(ctx, &stderr, args...)
		if err != nil {
			return nil, fmt.Errorf("the second process: %w", err)
		}
		if code != exitDone {
			said := clean(strings.TrimPrefix(strings.TrimSpace(stderr.String()), "exitramp: "))
			if code == exitResume || code < 0 { // it says so, or was ended by a signal
				return nil, fmt.Errorf("%w: the second process: exit code %d: %s", agentstate.ErrUnanswered, code, said)
			}
			return nil, fmt.Errorf("the second process (exit code %d): %s", code, said)
		}
		b := &drill.Back{}
		if err := json.Unmarshal(stdout, b); err != nil {
			return nil, fmt.Errorf("the second process: %w", err)
		}
		if b.Fidelity == nil || b.Seen == nil || b.Process == os.Getpid() {
			return nil, errors.New("the second process: it answered nothing")
		}
		return b, nil
	}
}

// readbackDrill is what the second process does.
func (a *app) readbackDrill(ctx context.Context, plan, name, into, journal string) error {
	p, err := readDrillPlan(plan, name)
	if err != nil {
		return err
	}
	if into != "" {
		if p = p.Of(into); p == nil {
			return usagef("--drill-into %s: no such target", into)
		}
	}
	b, err := exitdrill.ReadBack(ctx, p, a.drillOptions(), journal)
	if drill.ShowsNothing(err) {
		return &exitError{code: exitResume, err: err}
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(a.stdout).Encode(b)
}

// drilled prints the outcome. A drill that did not pass is exit code 4.
func (a *app) drilled(out *drill.Outcome, p *drill.Plan, f *drillFlags) error {
	pr, j := out.Predicate, out.Judgement
	word := a.verdict(pr)
	a.result["files"] = out.Files
	if f.json {
		if err := a.printJSON(map[string]any{
			"verdict": j.Verdict, "word": word, "gates": j.Gates, "gates_held": j.Held, "reasons": j.Reasons, "files": out.Files, "hints": out.Hints,
			"predicate": pr,
		}); err != nil {
			return err
		}
	} else {
		a.printDrill(out, word, f)
	}
	if passed(j.Verdict) {
		return nil
	}
	hint := "what did not hold is named with its reason"
	if len(out.Hints) > 0 {
		hint = strings.Join(out.Hints, "; ")
	}
	return &exitError{code: exitCheck, err: fmt.Errorf("the drill did not pass: %s", word), hint: hint}
}
