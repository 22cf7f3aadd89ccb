// Exitramp takes the state of AI agents out of the runtime they live in, seals it in an archive,
// checks it, and replays it into another runtime.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/exitramp/exitramp/exporters"
	"github.com/exitramp/exitramp/exporters/all"
	"github.com/exitramp/exitramp/internal/gcfloor"
)

func main() {
	lower := gcfloor.Raise()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends what waits and cannot be woken
	a := &app{
		stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv, now: time.Now, drivers: all.Registry(),
		columns:      columns(os.Stderr),
		readPassword: func(prompt string) (string, error) { return readPassword(ctx, prompt) },
	}
	code := a.run(ctx, os.Args[1:])
	stop()
	lower()
	os.Exit(code)
}

// app is what the verbs need of the world; tests supply their own.
type app struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	now            func() time.Time
	drivers        *exporters.Registry
	columns        int // of the terminal that stderr is; 0: it is none
	readPassword   func(prompt string) (string, error)

	args     []string // of the command line
	progress string   // --progress
	status   string   // --status
	result   map[string]any

	archives     []string // that were opened, by their files
	authenticity string   // of the archive that a verb acts on
	asks         string   // file of approvals that a plan wrote
	told         bool     // the outcome was printed as JSON, or some of it
	lines        bool     // JSON is an object a line
}

// columns is how wide the terminal f is; one that does not say it is as wide as they were.
func columns(f *os.File) int {
	w, _, err := term.GetSize(int(f.Fd()))
	if err == nil && w == 0 {
		return 80
	}
	return w
}

// run runs one command line and returns its exit code.
func (a *app) run(ctx context.Context, args []string) int {
	a.args, a.result, a.told, a.lines = args, map[string]any{}, false, false
	out := &words{Writer: a.stdout}
	a.stdout = out
	defer func() { a.stdout = out.Writer }()
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	c, err := root.ExecuteContextC(ctx)
	a.lines = c.Annotations[jsonLines] != ""
	if err != nil {
		a.lateStatus(c, args)
	}
	if completing(c) { // the options on the line are not meant yet
		a.status = ""
	}
	if err != nil && !a.told && wantsJSON(c, args) {
		a.errorJSON(nil, err)
	}
	if err == nil {
		err = out.err
	}
	code := exitCode(err)
	if err != nil {
		a.report(err)
	}
	if serr := a.writeStatus(args, code, err); serr != nil {
		a.report(fmt.Errorf("status file: %w", serr))
		if code == exitDone {
			code = exitOther
		}
	}
	return code
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "exitramp", Version: version(),
		Short: "Take your agents' state out of its runtime, and put it into another",
		Long: `Take your agents' memory, conversations, permissions and half-finished work out of the
runtime they live in; put them into another; hand your auditor the evidence.

Data goes to standard output, all else to standard error. ` + "`exitramp help exit-codes`" + ` lists the
exit codes, ` + "`exitramp drivers`" + ` the runtimes.`,
		Example: `  exitramp demo
  exitramp export langgraph+sqlite:state.db q4.ctxa
  exitramp verify q4.ctxa --integrity-only
  exitramp replay q4.ctxa langgraph+sqlite:copy.db --accept-unsigned`,
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(c *cobra.Command, args []string) error {
			if completing(c) {
				return nil
			}
			if !slices.Contains([]string{"auto", "plain", "json", "none"}, a.progress) {
				return usagef("--progress %s: want auto, plain, json or none", a.progress)
			}
			if err := a.beginStatus(); err != nil {
				return err
			}
			if err := saidNothing(c, args); err != nil {
				return err
			}
			return hasPlace(c)
		},
		SuggestionsMinimumDistance: 2,
		Args:                       knownVerb,
		RunE:                       func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().StringVar(&a.progress, "progress", "auto", "progress on standard error: auto, plain, json, none")
	root.PersistentFlags().StringVar(&a.status, "status", "", "write what became of the command, as JSON, to `FILE`; what an earlier run said there goes at the start")
	root.SetHelpCommandGroupID("More:")
	root.SetCompletionCommandGroupID("More:")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if !c.HasParent() { // the options are of the verb that was meant
			if verr := knownVerb(c, c.Flags().Args()); verr != nil {
				return verr
			}
		}
		return withHint(usagef("%v", err), c.CommandPath()+" --help lists the options")
	})
	for _, g := range a.verbs() {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, c := range g.verbs {
			c.GroupID = g.title
			if c.Args == nil {
				c.Args = usageArgs(c.Use)
			} else {
				c.Args = wanted(c.Args)
			}
			if f := c.Flags().Lookup("json"); f != nil {
				f.Usage += " (docs/json.md has the keys)"
			}
			root.AddCommand(c)
		}
	}
	completions(root)
	root.SetOut(a.stdout) // what tells shells takes it
	cobraVerbs(root)
	return root
}

// knownVerb refuses what root does not know.
func knownVerb(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := root.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("unknown command %q; did you mean %s?", args[0], strings.Join(near, " or "))
	}
	return usagef("unknown command %q; exitramp --help lists them", args[0])
}

// cobraVerbs adds completion and help, and has them refuse what they do not know.
func cobraVerbs(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	if shells, _, err := root.Find([]string{"completion"}); err == nil {
		shells.RunE = func(c *cobra.Command, args []string) error { // else a shell that there is not is answered with help
			if len(args) == 0 {
				return c.Help()
			}
			return usagef("want: exitramp completion bash|fish|powershell|zsh")
		}
		shells.Args = nil
		for _, shell := range shells.Commands() {
			shell.Args = wanted(shell.Args)
		}
	}
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Args = func(_ *cobra.Command, args []string) error { // else it is answered with the help of root
			if c, rest, err := root.Find(args); c == root && err == nil {
				return root.Args(root, rest)
			}
			return nil
		}
	}
}

// wanted is inner, whose error says what is wanted.
func wanted(inner cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := inner(c, args); err != nil {
			return usagef("want: %s", c.UseLine())
		}
		return nil
	}
}

// verbs are the verbs in the groups and the order in which --help shows them.
func (a *app) verbs() []group {
	return []group{
		{"Take it out:", []*cobra.Command{a.preflightCmd(), a.exportCmd(), a.driversCmd(), a.permissionsCmd()}},
		{"Look inside:", []*cobra.Command{a.inspectCmd(), a.listCmd(), a.showCmd(), a.catCmd(), a.diffCmd(), a.modelsCmd(), a.schemaCmd()}},
		{"Trust it:", []*cobra.Command{a.verifyCmd(), a.keygenCmd(), a.signCmd(), a.proveCmd(), a.checkProofCmd(), a.rewrapCmd(), a.reencryptCmd()}},
		{"Give a part, or other formats:", []*cobra.Command{a.deriveCmd(), a.unpackCmd(), a.packCmd()}},
		{"Put it elsewhere:", []*cobra.Command{a.planCmd(), a.replayCmd(), a.readbackCmd(), a.recallCmd(), a.undoCmd()}},
		{"Rehearse and prove:", []*cobra.Command{a.demoCmd(), a.drillCmd(), a.reportCmd(), a.drillsCmd(), a.sampleCmd(), a.testCmd(), a.recordCmd(), a.playCmd()}},
		{"More:", []*cobra.Command{a.exitCodesCmd()}},
	}
}

type group struct {
	title string
	verbs []*cobra.Command
}

func usageArgs(use string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := cobra.NoArgs(c, args); err != nil {
			return usagef("want: exitramp %s", use)
		}
		return nil
	}
}
