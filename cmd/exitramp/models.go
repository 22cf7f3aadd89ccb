package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/models"
)

type modelsFlags struct {
	keys  keyFlags
	until string
	dates []string
	json  bool
}

func (a *app) modelsCmd() *cobra.Command {
	f := &modelsFlags{}
	c := &cobra.Command{
		Use: "models ARCHIVE", Short: "The models that an archive depends on, and when they end",
		Long: `Lists the models that agents name, that answered, and that embedded memories; whether an id is pinned to
one version; and when its provider stops serving it. A date is the runtime's own, or from a list that
says when it was read; --dates adds a list of yours. A model without a date may end as well.

With --until, exit code 4 when a model that is in use ends before that day.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.models(c.Context(), args[0], f) },
	}
	f.keys.add(c)
	c.Flags().StringVar(&f.until, "until", "", "exit code 4 when a model in use ends before `DATE` (2027-01-31)")
	c.Flags().StringArrayVar(&f.dates, "dates", nil, "`FILE` with more dates, as JSON; may be given again")
	c.Flags().BoolVar(&f.json, "json", false, "as JSON")
	return c
}

func (a *app) models(ctx context.Context, archive string, f *modelsFlags) error {
	var until time.Time
	if f.until != "" {
		var err error
		if until, err = time.Parse(time.DateOnly, f.until); err != nil {
			return usagef("--until %s: want a day like 2027-01-31", f.until)
		}
	}
	dates, err := models.Known()
	if err != nil {
		return err
	}
	for _, path := range f.dates {
		if err := addDates(dates, path); err != nil {
			return err
		}
	}
	src, err := a.source(ctx, archive, &f.keys)
	if err != nil {
		return err
	}
	defer src.Close()
	uses, err := models.List(ctx, watched{src, a, "read", nil}, dates)
	if err != nil {
		return err
	}
	ending, undated := 0, 0
	for _, u := range uses {
		if u.Live && u.Retires.IsZero() {
			undated++
		}
		if u.Live && !u.Retires.IsZero() && u.Retires.Before(until) {
			ending++
		}
	}
	a.result["models"], a.result["ending"], a.result["undated"] = len(uses), ending, undated
	if f.json {
		if err := a.printJSON(map[string]any{"models": uses, "dates_as_of": dates.AsOf.Format(time.DateOnly), "until": f.until, "ending": ending, "undated": undated}); err != nil {
			return err
		}
	} else {
		a.printModels(uses)
		fmt.Fprintf(a.stdout, "dates that the runtime does not say were read on %s", dates.AsOf.Format(time.DateOnly))
		if undated > 0 {
			fmt.Fprintf(a.stdout, "; in use with no date that anybody says: %s", count(undated, "model", "models"))
		}
		fmt.Fprintln(a.stdout)
	}
	if ending > 0 {
		return &exitError{code: exitCheck, err: fmt.Errorf("%s before %s", plural(ending, "model in use ends", "models in use end"), f.until), hint: "name a successor, and compare it on what the agents have to do"}
	}
	return nil
}

func addDates(to *models.Dates, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	more, err := models.ReadDates(f)
	if err != nil {
		return usagef("%s: %v", path, err)
	}
	to.Add(more)
	return nil
}

func (a *app) printModels(uses []models.Use) {
	if len(uses) == 0 {
		fmt.Fprintln(a.stdout, "no model is named")
	}
	for _, u := range uses {
		what := "alias: may become another model"
		if u.Pinned {
			what = "pinned"
		}
		ends := "no date known"
		if !u.Retires.IsZero() {
			days := int(u.Retires.Sub(a.now()).Hours() / 24)
			switch {
			case days < 0:
				ends = fmt.Sprintf("ENDED %s", u.Retires.Format(time.DateOnly))
			default:
				ends = fmt.Sprintf("ends %s, in %d days", u.Retires.Format(time.DateOnly), days)
			}
			ends += " (" + u.RetiresBasis + ")"
		}
		last := ""
		if !u.LastUsed.IsZero() {
			last = "last " + u.LastUsed.Format(time.DateOnly)
		}
		live := ""
		if !u.Live {
			live = "not in use"
		}
		served, weights := "", ""
		if len(u.Served) > 0 {
			served = "answered as " + strings.Join(u.Served, ", ")
		}
		if len(u.Weights) > 0 {
			weights = "weights " + strings.Join(u.Weights, ", ")
		}
		fmt.Fprintln(a.stdout, join(u.ID, served, what, live, count(len(u.Agents), "agent", "agents"), count(int(u.Messages), "message", "messages"), count(int(u.Runs), "run", "runs"),
			count(int(u.Embeddings), "vector", "vectors"), last, ends, weights))
	}
}
