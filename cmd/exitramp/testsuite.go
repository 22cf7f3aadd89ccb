package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/harness"
	"github.com/exitramp/exitramp/format"
)

type testFlags struct {
	keys    keyFlags
	to      exportFlags
	sides   map[string]*string // who runs the tasks, by side
	model   string
	tools   string
	states  map[string]string
	runs    int
	judge   string
	suite   string
	timeout time.Duration
	out     string
	json    bool
	dryRun  bool
}

func (a *app) testCmd() *cobra.Command {
	f := &testFlags{sides: map[string]*string{harness.Target: new(string), harness.Source: new(string), harness.Cold: new(string)}}
	c := &cobra.Command{
		Use: "test SUITE --runner CMD", Short: "Run a suite's tasks, and say what the state was worth",
		Long: `Gives every test case of SUITE (an archive, or a source such as promptfoo:FILE) to a runner and judges
what comes back. A runner is a command that speaks JSON lines (docs/runner.md), or the URL of an
OpenAI-compatible endpoint (--model; the key is in OPENAI_API_KEY).

--runner is the target, with the replayed state. With --source, the runtime that is left, the success
of the target over the source's is computed; with --cold too, the target without the state, how much
of what the state added was kept.

Exit code 4: the target did not pass all that was judged.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if f.out == "" {
				if err := leftAside(c, "it is for what -o ARCHIVE seals", "recipient", "recipients-file", "secrets"); err != nil {
					return err
				}
			}
			if !f.asksModel() && !f.dryRun {
				if err := leftAside(c, "no runner is a URL", "model", "tools"); err != nil {
					return err
				}
			}
			return a.test(c.Context(), args[0], f)
		},
	}
	f.keys.add(c)
	f.keys.addTrust(c)
	c.Flags().StringVar(f.sides[harness.Target], "runner", "", "`CMD` or URL that runs the tasks on the target")
	c.Flags().StringVar(f.sides[harness.Source], "source", "", "`CMD` or URL that runs them on the source")
	c.Flags().StringVar(f.sides[harness.Cold], "cold", "", "`CMD` or URL that runs them on the target without the state")
	c.Flags().StringVar(&f.model, "model", "", "the model to ask for, where a runner is a URL")
	c.Flags().StringVar(&f.tools, "tools", "", "`CMD` that carries out the calls of tools, where a runner is a URL (docs/runner.md); without it they are reported alone")
	c.Flags().StringToStringVar(&f.states, "state", nil, "what the runner of a side is told to open: `SIDE=VALUE`, or SIDE=@FILE for what is in a file")
	c.Flags().IntVar(&f.runs, "runs", 1, "how often each task is run on each side")
	c.Flags().StringVar(&f.judge, "judge", "", "`CMD` that decides what this program cannot; without it such tasks are not judged")
	c.Flags().StringVar(&f.suite, "suite", "", "only the cases of the suite with this `KEY`")
	c.Flags().DurationVar(&f.timeout, "timeout", 2*time.Minute, "for one task")
	c.Flags().StringVarP(&f.out, "output", "o", "", "seal the runs in `ARCHIVE`")
	f.to.addResultRecipients(c)
	addSecrets(c, &f.to.secrets, "label")
	c.Flags().BoolVar(&f.json, "json", false, "the outcome as JSON")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "list the tasks and run none")
	return c
}

// asksModel tells whether a runner is a model itself.
func (f *testFlags) asksModel() bool {
	for _, who := range f.sides {
		if isModelURL(*who) {
			return true
		}
	}
	return false
}

func isModelURL(runner string) bool {
	return strings.HasPrefix(runner, "https://") || strings.HasPrefix(runner, "http://")
}

// addResultRecipients is addRecipients for verbs where -p opens what is read.
func (f *exportFlags) addResultRecipients(c *cobra.Command) {
	c.Flags().StringArrayVarP(&f.recipients, "recipient", "r", nil, "encrypt what is sealed to this public `KEY` (age1…); may be given again")
	c.Flags().StringArrayVarP(&f.recipientFiles, "recipients-file", "R", nil, "encrypt it to the public keys in `FILE`")
}

func (a *app) test(ctx context.Context, suite string, f *testFlags) error {
	if *f.sides[harness.Target] == "" && !f.dryRun {
		return usagef("give --runner CMD; docs/runner.md says what it speaks")
	}
	if f.runs < 1 || f.runs > 1000 {
		return usagef("--runs %d: want 1 to 1000", f.runs)
	}
	if f.out != "" {
		if _, err := a.newArchive(f.out, f.dryRun); err != nil {
			return err
		}
	}
	tasks, err := a.tasks(ctx, suite, f)
	if err != nil {
		return err
	}
	if f.dryRun {
		return a.printTasks(tasks, f.json)
	}
	p := &harness.Plan{Tasks: tasks, Runs: f.runs, Now: a.now}
	if p.Sides, err = a.sides(f); err != nil {
		return err
	}
	for _, s := range p.Sides {
		defer s.Runner.Close()
	}
	if f.judge != "" {
		j := &harness.JudgeCommand{Args: shell(f.judge), Stderr: a.stderr, Timeout: f.timeout}
		defer j.Close()
		p.Judge = j
	}
	results := &harness.Results{Name: suiteName(suite)}
	bar := a.newProgress("test", "runs")
	bar.expect(map[string]int64{"testrun": int64(len(tasks) * len(p.Sides) * f.runs)})
	var failed []harness.Result
	p.OnResult = func(r harness.Result) {
		bar.add("testrun")
		results.Add(r)
		if r.Judged && !r.Passed && r.Side == harness.Target {
			failed = append(failed, r)
		}
	}
	s, err := harness.Run(ctx, p)
	bar.done()
	if err != nil {
		return err
	}
	if f.out != "" {
		if err := a.sealResults(ctx, results, f); err != nil {
			return err
		}
	}
	a.result["passed"], a.result["tcs"], a.result["retained_lift"] = s.Passed(), s.TCS(), s.RetainedLift()
	if err := a.printScores(s, failed, f.json); err != nil {
		return err
	}
	switch {
	case s.Target.Total == 0:
		return &exitError{code: exitCheck, err: errors.New("no task was judged"), hint: "give --judge CMD, or cases that expect something"}
	case !s.Passed():
		return &exitError{code: exitCheck, err: fmt.Errorf("the target passed %s", s.Target)}
	}
	return nil
}

// suiteName is the last part of where a suite is: no password, and no folder of this machine.
func suiteName(suite string) string {
	suite = suite[strings.LastIndexByte(suite, '/')+1:]
	if i := strings.LastIndexByte(suite, ':'); i >= 0 {
		suite = suite[i+1:]
	}
	return suite
}

func (a *app) tasks(ctx context.Context, suite string, f *testFlags) ([]harness.Task, error) {
	src, err := a.actOn(ctx, suite, &f.keys)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	return harness.Tasks(ctx, src, f.suite)
}

// shell is a command line as the user's shell understands it.
func shell(line string) []string { return []string{"sh", "-c", line} }

// sides are the sides that were asked for, the source first.
func (a *app) sides(f *testFlags) ([]harness.Side, error) {
	var out []harness.Side
	for _, name := range []string{harness.Source, harness.Target, harness.Cold} {
		who := *f.sides[name]
		if who == "" {
			if _, ok := f.states[name]; ok {
				return nil, usagef("--state %s: nobody runs that side", name)
			}
			continue
		}
		s := harness.Side{Name: name}
		switch {
		case isModelURL(who):
			if f.model == "" {
				return nil, usagef("a runner that is a URL needs --model")
			}
			e := &harness.Endpoint{URL: who, Model: f.model, Key: a.getenv("OPENAI_API_KEY"), Timeout: f.timeout}
			if f.tools != "" {
				e.Tools = &harness.ToolCommand{Args: shell(f.tools), Stderr: a.stderr, Timeout: f.timeout}
			}
			s.Runner = e
		default:
			s.Runner = &harness.Command{Args: shell(who), Stderr: a.stderr, Timeout: f.timeout}
		}
		var err error
		if s.State, err = stateOf(f.states[name]); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	for name := range f.states {
		if f.sides[name] == nil {
			return nil, usagef("--state %s: want source, target or cold", name)
		}
	}
	return out, nil
}

// maxState is the size of a state that is handed to a runner, in bytes.
const maxState = 4 << 20

// stateOf is v, or what is in the file that it names.
func stateOf(v string) (string, error) {
	path, ok := strings.CutPrefix(v, "@")
	if !ok {
		return v, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err == nil && len(b) > maxState {
		err = fmt.Errorf("%s has more than %d bytes", path, maxState)
	}
	return string(b), err
}

func (a *app) sealResults(ctx context.Context, results *harness.Results, f *testFlags) error {
	o := &format.WriterOptions{Tool: "exitramp " + version(), Source: "test " + results.Name}
	if err := a.recipients(&f.to, o); err != nil {
		return err
	}
	var read agentstate.Source = results
	scan, err := scanned(results, f.to.secrets)
	if err != nil {
		return err
	}
	if scan != nil {
		read = scan
	}
	_, err = format.Export(ctx, archivePath(f.out), read, o, nil)
	return err
}

func (a *app) printTasks(tasks []harness.Task, asJSON bool) error {
	type row struct {
		Key        string `json:"key"`
		Name       string `json:"name,omitempty"`
		Expects    int    `json:"expects"`
		NeedsJudge bool   `json:"needs_judge"`
	}
	rows := []row{}
	for i := range tasks {
		t := &tasks[i]
		rows = append(rows, row{t.Key, t.Name, len(t.Expect), t.NeedsJudge()})
	}
	if asJSON {
		return a.printJSON(map[string]any{"tasks": rows})
	}
	for _, r := range rows {
		judge := ""
		if r.NeedsJudge {
			judge = "needs a judge"
		}
		fmt.Fprintln(a.stdout, join(r.Key, r.Name, fmt.Sprintf("expects %d", r.Expects), judge))
	}
	return nil
}

func (a *app) printScores(s *harness.Scores, failed []harness.Result, asJSON bool) error {
	if asJSON {
		why := []map[string]any{}
		for _, r := range failed {
			why = append(why, map[string]any{"task": r.Task.Key, "run": r.Run, "why": r.Why})
		}
		return a.printJSON(map[string]any{"passed": s.Passed(), "scores": s, "tcs": s.TCS(), "retained_lift": s.RetainedLift(), "failed": why})
	}
	fmt.Fprintf(a.stdout, "source %s · target %s · cold %s    %s, %s of each", s.Source, s.Target, s.Cold, count(len(s.Tasks), "task", "tasks"), count(s.Runs, "run", "runs"))
	if s.NotJudged > 0 {
		fmt.Fprintf(a.stdout, ", %s not judged", count(s.NotJudged, "task", "tasks"))
	}
	if s.Equal != nil {
		fmt.Fprintf(a.stdout, "\nanswered as the source %s", s.Equal)
	}
	fmt.Fprintf(a.stdout, "\nTCS %s\nretained lift %s\n", s.TCS(), s.RetainedLift())
	const most = 20
	for _, r := range failed[:min(most, len(failed))] {
		name := r.Task.Key // several cases may have one description
		if r.Task.Name != "" {
			name = harness.Short(r.Task.Name) + " (" + r.Task.Key + ")"
		}
		fmt.Fprintf(a.stdout, "! %s, run %d: %s\n", name, r.Run, strings.TrimPrefix(r.Why, "harness: "+r.Task.Key+": "))
	}
	if len(failed) > most {
		fmt.Fprintf(a.stdout, "  and %d more; --json has all\n", len(failed)-most)
	}
	return nil
}
