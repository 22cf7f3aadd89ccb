package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/context/models"
	"github.com/exitramp/exitramp/context/replay"
)

func (a *app) preflightCmd() *cobra.Command {
	var to string
	var asJSON bool
	c := &cobra.Command{
		Use: "preflight SOURCE", Short: "What an export would read, and what it could not; reads only", Args: cobra.ExactArgs(1),
		Long: `Asks a runtime what it holds, as whom, and what cannot be read. It reads only, and keeps nothing.

With --to, all of the source is read, and what a replay into that runtime would do is said as
exitramp plan says it of an archive: nothing is sealed, and nothing is written to the target. Then the
models that the source depends on are known, too, and when they end: as exitramp models says it.

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
	f := &foreseen{}
	if to != "" {
		if f, err = a.foresee(ctx, src, to); err != nil {
			return err
		}
	}
	if asJSON {
		o := p.Origin
		out := map[string]any{
			"product": o.GetProduct(), "flavor": o.GetFlavor(), "schema": o.GetSchema(), "location": o.GetLocation(),
			"observer": p.Observer, "counts": p.Counts, "gaps": gapList(p.Gaps), "never": p.Never, "notes": p.Notes,
		}
		if e := p.Effort; e != nil {
			out["effort"] = map[string]any{"requests": e.Requests, "seconds": e.Time.Seconds(), "formula": e.Formula}
		}
		if f.rep != nil {
			out["to"] = a.replayJSON("plan", f.rep, &embedding{})
			out["models"], out["dates_as_of"] = f.models, f.asOf()
		}
		if err := a.printJSON(out); err != nil {
			return err
		}
	} else if err := a.printPreflight(p, f); err != nil {
		return err
	}
	switch {
	case f.rep != nil && f.rep.Infeasible():
		return infeasible()
	case len(p.Gaps) > 0:
		return &exitError{code: exitPartial, err: fmt.Errorf("an export would have %s", plural(len(p.Gaps), "gap", "gaps")), hint: gapsHint}
	}
	return nil
}

// foreseen is what is known of a source of which all was read.
type foreseen struct {
	rep    *replay.Report // of a replay; nil: nobody asked
	models []models.Use
	dates  *models.Dates
}

// asOf is when the dates of models were read that the runtime does not say.
func (f *foreseen) asOf() string { return f.dates.AsOf.Format(time.DateOnly) }

// foresee plans a replay of a runtime as it is now.
func (a *app) foresee(ctx context.Context, src agentstate.Source, to string) (*foreseen, error) {
	dates, err := models.Known()
	if err != nil {
		return nil, err
	}
	rt, dst, err := a.target(ctx, to)
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	p := a.newProgress("preflight", "records")
	defer p.done()
	o := &replay.Options{OnReceipt: func(rc replay.Receipt) { p.add(agentstate.KindOfKey(rc.Key)) }}
	l := &listed{src, models.NewLister()}
	rep, err := replay.Plan(ctx, dst, l, o)
	if err != nil {
		return nil, err
	}
	unsaid, err := embed.Meet(ctx, src, rt, dst, o)
	switch {
	case unsaid:
		a.sayUnsaid("the source")
	case errors.Is(err, embed.ErrMixed):
		fmt.Fprintln(a.stderr, "! a replay would be refused:", a.message(err)+"; --embedder of exitramp plan makes them anew")
	case err != nil:
		return nil, err
	}
	return &foreseen{rep, l.models.List(dates), dates}, nil
}

// listed is a source whose models are listed while all of it is read.
type listed struct {
	agentstate.Source
	models *models.Lister
}

// Unwrap is the source itself.
func (l *listed) Unwrap() agentstate.Source { return l.Source }

// Records are those of the source.
func (l *listed) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	if o != nil && len(o.Kinds) > 0 {
		return l.Source.Records(ctx, o)
	}
	return func(yield func(agentstate.Record, error) bool) {
		l.models = models.NewLister()
		for r, err := range l.Source.Records(ctx, o) {
			if err == nil {
				l.models.Add(r)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// printPreflight prints what there is, and what is foreseen.
func (a *app) printPreflight(p *agentstate.Preflight, f *foreseen) error {
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
	if e := p.Effort; e != nil && e.Requests > 0 {
		fmt.Fprintf(a.stdout, "time   at least %s requests, %s: %s\n", number(int64(e.Requests)), e.Time, clean(e.Formula))
	}
	a.printGaps("can't read ", p.Gaps, "exitramp preflight SOURCE --json has all of them")
	for _, n := range p.Never {
		fmt.Fprintln(a.stdout, "never ", clean(n))
	}
	for _, n := range p.Notes {
		fmt.Fprintln(a.stdout, "note  ", clean(n))
	}
	if f.rep == nil {
		return nil
	}
	if len(f.models) > 0 {
		fmt.Fprintf(a.stdout, "models, with dates that the runtime does not say as of %s\n", f.asOf())
		a.printModels(f.models)
	}
	fmt.Fprintln(a.stdout, "a replay would")
	return a.printReplay("plan", f.rep, &embedding{}, false)
}
