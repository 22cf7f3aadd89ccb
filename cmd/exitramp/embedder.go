package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/embed"
	"github.com/exitramp/exitramp/context/replay"
)

// embedderFlags say with what the vectors of a replay are made anew. docs/embedder.md has the protocol.
type embedderFlags struct {
	spec   string
	model  string
	dims   int
	keyEnv string
	wait   time.Duration // a program's patience; 0: embed.Patience
	target string        // name of the target's model, where its store does not say it
}

func (f *embedderFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.spec, "embedder", "", "make all vectors anew with `WHAT`: the URL of a service with POST /v1/embeddings, or exec:COMMAND ARGUMENTS for a program that speaks JSON lines")
	c.Flags().StringVar(&f.model, "embedder-model", "", "the `NAME` of the embedder's model; a program says it itself")
	c.Flags().IntVar(&f.dims, "embedder-dimensions", 0, "how many numbers the embedder's vectors have; a program says it itself")
	c.Flags().StringVar(&f.keyEnv, "embedder-key-env", "", "`NAME` of the environment variable with the service's key")
	c.Flags().DurationVar(&f.wait, "embedder-patience", 0, "the `TIME` that an embedder that is a program may say nothing before it is ended, as in 30m; 0: "+strings.TrimSuffix(embed.Patience.String(), "0s"))
	c.Flags().StringVar(&f.target, "target-model", "", "`NAME` of the embedding model that the program at the target uses: vectors of another one are refused")
}

// embedding is an embedder in use.
type embedding struct {
	e     embed.Embedder
	model embed.Model
	keep  *embed.Vectors
	src   *embed.Source
	close []func() error
}

func (x *embedding) Close() error {
	var err error
	for _, f := range x.close {
		err = errors.Join(err, f())
	}
	return err
}

// ofNone refuses what says more of an embedder where there is none.
func (f *embedderFlags) ofNone() error {
	if f.model != "" || f.dims != 0 || f.keyEnv != "" || f.wait != 0 {
		return usagef("--embedder-model, --embedder-dimensions, --embedder-key-env and --embedder-patience say more of --embedder, which is not given")
	}
	return nil
}

// openEmbedder starts what --embedder says. It sends no text.
func (a *app) openEmbedder(ctx context.Context, f *embedderFlags) (*embedding, error) {
	x := &embedding{model: embed.Model{Name: f.model, Dimensions: f.dims}}
	command, isExec := strings.CutPrefix(f.spec, "exec:")
	switch {
	case f.wait < 0 || f.wait != 0 && !isExec:
		return nil, usagef("--embedder-patience: want a time as in 30m, of an embedder that is a program")
	case isExec && f.keyEnv != "":
		return nil, usagef("--embedder-key-env would be left aside: it is the key of a service, and a program has the environment itself")
	case isExec:
		argv, err := embed.Command(command)
		if err != nil {
			return nil, &exitError{code: exitUsage, err: err}
		}
		p, err := embed.Start(ctx, argv, a.stderr, f.wait)
		if err != nil {
			return nil, err
		}
		x.e, x.close = p, append(x.close, p.Close)
		got := p.Model()
		if f.model != "" && f.model != got.Name || f.dims != 0 && f.dims != got.Dimensions {
			return nil, errors.Join(fmt.Errorf("%w: want %s, the program says it is %s", embed.ErrEmbedder, x.model, got), x.Close())
		}
		x.model = got
	case strings.HasPrefix(f.spec, "http://"), strings.HasPrefix(f.spec, "https://"):
		if f.model == "" || f.dims == 0 {
			return nil, usagef("a service does not say its model without a bill: add --embedder-model NAME --embedder-dimensions N")
		}
		h := &embed.HTTP{URL: f.spec, Of: x.model}
		if f.keyEnv != "" {
			if h.Key = a.getenv(f.keyEnv); h.Key == "" {
				return nil, usagef("--embedder-key-env %s: there is no such variable, or it is empty", f.keyEnv)
			}
		}
		if err := h.Check(); err != nil {
			return nil, &exitError{code: exitUsage, err: err}
		}
		x.e = h
	default:
		return nil, usagef("--embedder: want http://…, https://… or exec:COMMAND ARGUMENTS")
	}
	return x, nil
}

// vectorsOf is the file in which the vectors of a run are kept, beside its journal.
func vectorsOf(journal string) string { return journal + ".vectors" }

// embedded is r with the vectors that --embedder makes; r itself without one. Vectors are kept in the
// file at path; in a plan they are looked for there, and nothing is made. The caller closes.
func (a *app) embedded(ctx context.Context, r agentstate.Source, f *embedderFlags, path string, plan bool) (agentstate.Source, *embedding, error) {
	if f.spec == "" {
		return r, &embedding{}, f.ofNone()
	}
	x, err := a.openEmbedder(ctx, f)
	if err != nil {
		return nil, nil, err
	}
	if x.keep, err = embed.OpenVectors(path, x.model); plan && errors.Is(err, embed.ErrVectors) { // of another run: none is there for this one
		x.keep, err = embed.OpenVectors("", x.model)
	}
	if err != nil {
		return nil, nil, errors.Join(err, x.Close())
	}
	x.close = append(x.close, x.keep.Close)
	if x.src, err = embed.NewSource(r, x.e, x.keep); err != nil {
		return nil, nil, errors.Join(err, x.Close())
	}
	if plan {
		x.src = x.src.ForPlan()
	}
	return x.src, x, nil
}

// bound is what the vectors of a run that was begun, or of a plan, are made with. The command that
// makes them is not kept in either: a file from elsewhere must not name a program that we start.
func bound(j *replay.Journal, reviewed *replay.PlanFile) *replay.Vectors {
	if v := j.Vectors(); v != nil || reviewed == nil {
		return v
	}
	return reviewed.Vectors
}

// printEmbedded says what was made, or would be.
func (a *app) printEmbedded(x *embedding, plan bool) {
	if x.src == nil {
		return
	}
	s := &x.src.Stats
	m := x.model
	if plan {
		fmt.Fprintf(a.stdout, "re-embed %s texts with %s: %s asked for, some %s tokens (estimate: 4 bytes each)\n", number(s.Texts), m, number(s.Asked), number(s.Tokens()))
	} else {
		fmt.Fprintf(a.stdout, "re-embedded %s texts with %s: %s asked for, some %s tokens\n", number(s.Texts), m, number(s.Asked), number(s.Tokens()))
	}
	if len(s.Before) > 0 {
		fmt.Fprintln(a.stdout, "vectors before:", embed.Models(s.Before))
	} else {
		fmt.Fprintln(a.stdout, "vectors before: none in the archive; each memory's text gets one")
	}
	if h, ok := x.e.(*embed.HTTP); ok && h.Said() != "" && h.Said() != m.Name {
		fmt.Fprintf(a.stderr, "! the service says that its model is %.60q: where that is no other name of %q, give it with --embedder-model\n", h.Said(), m.Name)
	}
	if s.Dropped > 0 {
		fmt.Fprintf(a.stdout, "without a vector: %s, each named as a loss\n", number(s.Dropped))
	}
}

// expectation is what a read-back wants to find: the archive, with the vectors that the run of j made
// where their file is still there.
func (a *app) expectation(r agentstate.Source, j *replay.Journal, journal string) (agentstate.Source, *embedding, error) {
	x := &embedding{}
	if j == nil || j.Vectors() == nil {
		return r, x, nil
	}
	v := j.Vectors()
	path := vectorsOf(journal)
	if _, err := os.Stat(path); err != nil {
		fmt.Fprintf(a.stderr, "exitramp: %s is not there: that vectors were made anew is taken from the journal, and their numbers are not compared\n", path)
		return r, x, nil
	}
	var err error
	if x.keep, err = embed.OpenVectors(path, embed.Model{Name: v.Model, Dimensions: int(v.Dimensions)}); err != nil {
		return nil, nil, err
	}
	x.close = append(x.close, x.keep.Close)
	if x.src, err = embed.NewSource(r, nil, x.keep); err != nil {
		return nil, nil, errors.Join(err, x.Close())
	}
	return x.src, x, nil
}

// json is what printEmbedded says; nil: no vector was made anew.
func (x *embedding) json() any {
	if x.src == nil {
		return nil
	}
	s := &x.src.Stats
	before := map[string]uint64{}
	for m, n := range s.Before {
		before[m.String()] += n
	}
	return map[string]any{"model": x.model.Name, "dimensions": x.model.Dimensions, "texts": s.Texts, "asked": s.Asked, "tokens_estimate": s.Tokens(), "dropped": s.Dropped, "before": before}
}
