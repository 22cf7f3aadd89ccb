package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/embed"
)

type recallFlags struct {
	keys    keyFlags
	k, n    int
	seed    uint64
	queries string
	journal string
	before  string // --before-embedder
	json    bool
	embedderFlags
}

func (a *app) recallCmd() *cobra.Command {
	f := &recallFlags{}
	c := &cobra.Command{
		Use: "recall BEFORE AFTER", Short: "What searches by vector find in two states: an archive, and the runtime it was replayed into",
		Long: `Searches by vector for memories in both states, and compares what is found first. Without --queries some
memories are drawn, and each one's own text is searched for with its own vectors: that asks no embedder.

A file of queries has one a line: text, or {"query": TEXT, "expected": [KEY, …]} with keys of BEFORE. Their
vectors are made by --embedder for AFTER and by --before-embedder for BEFORE; a state without one is not
searched. The search is exact: what the index of a runtime loses comes on top. Nothing is written.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if f.queries != "" {
				if err := leftAside(c, "--queries are searched for, and no memories drawn", "sample"); err != nil {
					return err
				}
			}
			return a.recall(c.Context(), args[0], args[1], f)
		},
	}
	f.keys.add(c)
	c.Flags().IntVar(&f.k, "k", 10, "how many answers a search gives")
	c.Flags().IntVarP(&f.n, "sample", "n", 100, "how many memories are drawn")
	c.Flags().Uint64Var(&f.seed, "seed", 1, "of the sample and of the intervals")
	c.Flags().StringVar(&f.queries, "queries", "", "`FILE` of queries, one a line")
	c.Flags().StringVar(&f.journal, "journal", "", "journal `FILE` of the replay, where the target makes ids of its own (default BEFORE.journal, where it is there and of AFTER)")
	c.Flags().StringVar(&f.before, "before-embedder", "", "`exec:COMMAND` that makes the queries' vectors for BEFORE")
	f.embedderFlags.add(c)
	c.Flags().Lookup("embedder").Usage = "what makes the queries' vectors for AFTER: the URL of a service with POST /v1/embeddings, or `exec:COMMAND` for a program that speaks JSON lines"
	_ = c.Flags().MarkHidden("target-model") // nothing is written
	c.Flags().BoolVar(&f.json, "json", false, "as JSON")
	return c
}

func (a *app) recall(ctx context.Context, before, after string, f *recallFlags) (err error) {
	if f.k < 1 || f.k > 1000 || f.n < 1 || f.n > embed.MaxQueries {
		return usagef("want --k of 1 to 1000 and --sample of 1 to %d", embed.MaxQueries)
	}
	o := &embed.RecallOptions{K: f.k, N: f.n, Seed: f.seed}
	if f.queries != "" {
		if o.Queries, err = readQueries(f.queries); err != nil {
			return err
		}
		if f.spec == "" && f.before == "" {
			return usagef("--queries wants --embedder for AFTER, --before-embedder for BEFORE, or both")
		}
	} else if f.spec != "" || f.before != "" {
		return usagef("--embedder makes vectors of --queries; memories that are drawn have their own")
	}
	if f.spec == "" {
		if err := f.ofNone(); err != nil {
			return err
		}
	}
	for _, e := range []struct {
		f  *embedderFlags
		to *embed.Embedder
	}{{&f.embedderFlags, &o.After}, {&embedderFlags{spec: f.before}, &o.Before}} {
		if e.f.spec == "" {
			continue
		}
		x, err := a.openEmbedder(ctx, e.f)
		if err != nil {
			return err
		}
		defer x.Close()
		*e.to = x.e
	}
	j, _, err := a.journalInto(after, before, f.journal)
	if err != nil {
		return err
	}
	if j != nil {
		defer j.Close()
		o.Key = j.KeyThere
	}
	x, err := a.source(ctx, before, &f.keys)
	if err != nil {
		return err
	}
	defer x.Close()
	y, err := a.source(ctx, after, &f.keys)
	if err != nil {
		return err
	}
	defer y.Close()
	rep, err := embed.Recall(ctx, called{x, before}, called{y, after}, o)
	if err != nil {
		return err
	}
	if j != nil && j.Vectors() != nil && rep.After.Model == "" { // the runtime does not say it, the replay does
		rep.After.Model = j.Vectors().Model
	}
	a.result["recall"] = rep
	if f.json {
		return a.printJSON(rep)
	}
	a.printRecall(rep)
	return nil
}

func readQueries(path string) ([]embed.Query, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	qs, err := embed.ReadQueries(f)
	if errors.Is(err, embed.ErrQueries) {
		return nil, usagef("%s: %w", path, err)
	}
	return qs, err
}

func (a *app) printRecall(rep *embed.RecallReport) {
	what := "given queries"
	if rep.Sampled {
		what = fmt.Sprintf("memories drawn with seed %d", rep.Seed)
	}
	fmt.Fprintf(a.stdout, "%s %s, k %d, set %.16s\n", number(rep.Queries), what, rep.K, rep.QuerySet)
	for _, s := range []struct {
		name string
		m    *embed.Measure
	}{{"before", &rep.Before}, {"after ", &rep.After}} {
		model := s.m.Model
		if model == "" {
			model = "a model that is not said"
		}
		switch {
		case s.m.Searched == 0 && rep.Sampled:
			fmt.Fprintf(a.stdout, "%s  not searched: it has no vector of what was drawn\n", s.name)
		case s.m.Searched == 0:
			fmt.Fprintf(a.stdout, "%s  not searched: no embedder was given for it\n", s.name)
		case s.m.Expected == 0:
			fmt.Fprintf(a.stdout, "%s  %s searched, %s found nothing; recall not measured: no query says what is expected · %s vectors of %s\n", s.name, number(s.m.Searched), number(s.m.Empty), number(s.m.Vectors), clean(model))
		default:
			fmt.Fprintf(a.stdout, "%s  recall@%d %.3f over %s, %s found nothing · %s vectors of %s\n", s.name, rep.K, s.m.Recall, number(s.m.Expected), number(s.m.Empty), number(s.m.Vectors), clean(model))
		}
	}
	if rep.Compared > 0 {
		fmt.Fprintf(a.stdout, "overlap@%d %.3f over %s (95 of 100 resamples: %.3f to %.3f)\n", rep.K, rep.Overlap, number(rep.Compared), rep.CI95[0], rep.CI95[1])
	} else {
		fmt.Fprintf(a.stdout, "overlap@%d not measured: one of the states was not searched\n", rep.K)
	}
	if rep.ChangeCI95 != [2]float64{} {
		fmt.Fprintf(a.stdout, "recall after less before: %.3f to %.3f\n", rep.ChangeCI95[0], rep.ChangeCI95[1])
	}
	if rep.Ranked > 0 {
		fmt.Fprintf(a.stdout, "rank of what is expected, over %s that both find: %+.2f places on average, at worst %+d (behind is +)\n", number(rep.Ranked), rep.RankDelta, rep.RankWorst)
	}
}
