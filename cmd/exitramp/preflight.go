package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/context/replay"
)

func (a *app) preflightCmd() *cobra.Command {
	var to string
	var asJSON bool
	c := &cobra.Command{
		Use: "preflight SOURCE", Short: "What an export would read, and what it could not; reads only", Args: cobra.ExactArgs(1),
		Long: `Asks a runtime what it holds, as whom, and what cannot be read. It reads only, and keeps nothing.

With --to, all of the source is read, and what a replay into that runtime would do is said as
exitramp plan says it of an archive: nothing is sealed, and nothing is written to the target.

Exit code 3: an export would have gaps. 4: a replay would take longer than 30 days.`,
		RunE: func(c *cobra.Command, args []string) error { return a.preflight(c.Context(), args[0], to, asJSON) },
	}
	c.Flags().StringVar(&to, "to", "", "URL of a `TARGET`: what would a replay into it do, and how long would it take?")
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func (a *app) preflight(ctx context.Context, from, to string, asJSON bool) error {
	src, err := a.runtime(ctx, from)
	if err != nil {
		return err
	}
	defer src.Close()
	pf, ok := agentstate.As[agentstate.Preflighter](src)
	if !ok {
		return fmt.Errorf("this driver cannot look ahead: %w", agentstate.ErrUnsupported)
	}
	p, err := pf.Preflight(ctx)
	if err != nil {
		return err
	}
	var rep *replay.Report
	if to != "" {
		if rep, err = a.foresee(ctx, src, to); err != nil {
			return err
		}
	}
	if asJSON {
		o := p.Origin
		out := map[string]any{
			"product": o.GetProduct(), "flavor": o.GetFlavor(), "schema": o.GetSchema(), "location": o.GetLocation(),
			"observer": p.Observer, "counts": p.Counts, "gaps": gapList(p.Gaps), "never": p.Never, "notes": p.Notes,
		}
		if rep != nil {
			out["to"] = a.replayJSON("plan", rep, &embedding{})
		}
		if err := a.printJSON(out); err != nil {
			return err
		}
	} else if err := a.printPreflight(p, rep); err != nil {
		return err
	}
	switch {
	case rep != nil && rep.Infeasible():
		return infeasible()
	case len(p.Gaps) > 0:
		return &exitError{code: exitPartial, err: fmt.Errorf("an export would have %s", plural(len(p.Gaps), "gap", "gaps")), hint: "open what is missing first, or export with the gaps named"}
	}
	return nil
}

// foresee plans a replay of a runtime as it is now.
func (a *app) foresee(ctx context.Context, src agentstate.Source, to string) (*replay.Report, error) {
	rt, dst, err := a.target(ctx, to)
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	p := a.newProgress("preflight", "records")
	defer p.done()
	o := &replay.Options{OnReceipt: func(rc replay.Receipt) { p.add(agentstate.KindOfKey(rc.Key)) }}
	rep, err := replay.Plan(ctx, dst, src, o)
	if err != nil {
		return nil, err
	}
	if _, err := embed.Meet(ctx, src, rt, dst, o); errors.Is(err, embed.ErrMixed) {
		fmt.Fprintln(a.stderr, "! a replay would be refused:", a.message(err)+"; --embedder of exitramp plan makes them anew")
	} else if err != nil {
		return nil, err
	}
	return rep, nil
}

// printPreflight prints what there is, and with rep what a replay would do.
func (a *app) printPreflight(p *agentstate.Preflight, rep *replay.Report) error {
	o := p.Origin
	fmt.Fprintln(a.stdout, "what  ", join(o.GetProduct(), o.GetFlavor(), o.GetSchema()))
	fmt.Fprintln(a.stdout, "where ", clean(o.GetLocation()))
	fmt.Fprintln(a.stdout, "as    ", clean(p.Observer))
	var counts []string
	for _, k := range keys(p.Counts) {
		switch n := p.Counts[k]; {
		case n > 0:
			counts = append(counts, fmt.Sprintf("%s %s", number(n), k))
		case n < 0:
			counts = append(counts, "some "+k)
		}
	}
	if len(counts) == 0 {
		counts = []string{"nothing that can be seen"}
	}
	fmt.Fprintln(a.stdout, "holds ", strings.Join(counts, " · "))
	a.printGaps("can't read ", p.Gaps, "exitramp preflight SOURCE --json has all of them")
	for _, n := range p.Never {
		fmt.Fprintln(a.stdout, "never ", clean(n))
	}
	for _, n := range p.Notes {
		fmt.Fprintln(a.stdout, "note  ", clean(n))
	}
	if rep == nil {
		return nil
	}
	fmt.Fprintln(a.stdout, "a replay would")
	return a.printReplay("plan", rep, &embedding{}, false)
}
