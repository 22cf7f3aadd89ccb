package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/fidelity"
)

func (a *app) diffCmd() *cobra.Command {
	k := &keyFlags{}
	var asJSON bool
	c := &cobra.Command{
		Use: "diff A B", Short: "Compare two archives, or an archive and a runtime, field by field",
		Long: `Compares the records of A and B by key. Exit code 3: they differ.`,
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
		return err
	}
	return a.printFidelity("diff", rep, asJSON, true)
}
