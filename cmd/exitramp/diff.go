package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/fidelity"
	"github.com/exitramp/exitramp/exporters"
)

func (a *app) diffCmd() *cobra.Command {
	k := &keyFlags{}
	var asJSON bool
	c := &cobra.Command{
		Use: "diff A B", Short: "Compare two archives, or an archive and a runtime, field by field",
		Long: `Compares the records of A and B by key. Exit code 3: they differ. What a replay wrote under other keys
(--map, or ids of the runtime's own) is missing and extra here: readback finds it by the replay's journal.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return a.diff(c.Context(), args[0], args[1], k, asJSON) },
	}
	k.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func (a *app) diff(ctx context.Context, want, got string, k *keyFlags, asJSON bool) error {
	x, err := a.source(ctx, want, k)
	if err != nil {
		return err
	}
	defer x.Close()
	y, err := a.source(ctx, got, k)
	if err != nil {
		return err
	}
	defer y.Close()
	rep, err := fidelity.Compare(ctx, x, y, nil)
	if err != nil {
		return ofSide(err, want, got)
	}
	err = a.printFidelity("diff", rep, asJSON, true)
	if err != nil && isArchive(want) && elsewhere(rep) {
		err = withHint(err, "where B is, or was read from, what a replay of A wrote under other keys (--map, or ids of the runtime's own), its journal knows them: exitramp readback A TARGET --journal FILE")
	}
	return err
}

// elsewhere tells whether it may be that records of want are in got under other keys.
func elsewhere(rep *fidelity.Report) bool {
	for name, k := range rep.Kinds {
		if name != "opaque" && k.Missing > 0 && k.Extra > 0 {
			return true
		}
	}
	return false
}

// ofSide calls the state that err is about by the name that the command line gave it.
func ofSide(err error, want, got string) error {
	e := (*fidelity.SideError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	name := want
	if e.Second {
		name = got
	}
	return of(name, e.Err)
}

// of is an error of what the command line calls name.
func of(name string, err error) error {
	if isArchive(name) {
		return named(archivePath(name), err)
	}
	return fmt.Errorf("%s: %w", exporters.Redact(name), err)
}

// called is a source, one of several, whose errors say which.
type called struct {
	agentstate.Source
	name string // of the command line
}

// Unwrap is the source itself.
func (c called) Unwrap() agentstate.Source { return c.Source }

// Records are those of the source.
func (c called) Records(ctx context.Context, o *agentstate.ReadOptions) iter.Seq2[agentstate.Record, error] {
	return func(yield func(agentstate.Record, error) bool) {
		for r, err := range c.Source.Records(ctx, o) {
			if err != nil {
				err = of(c.name, err)
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
