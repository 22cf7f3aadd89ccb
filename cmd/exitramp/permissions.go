package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/exporters/agentcore"
)

// permissionsCmd prints what a person gives to whoever runs the verbs.
func (a *app) permissionsCmd() *cobra.Command {
	return &cobra.Command{
		Use: "permissions RUNTIME [VERB]", Short: "The least permissions that a runtime wants: agentcore, for export, replay or undo",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			if args[0] != "agentcore" {
				return usagef("no permissions are known for %q; there is agentcore. Files and databases: export reads, replay writes", args[0])
			}
			verbs := []string{"export", "replay", "undo"}
			if len(args) == 2 {
				verbs = args[1:]
			}
			for _, v := range verbs {
				p, err := agentcore.Policy(v)
				if err != nil {
					return usagef("%v", err)
				}
				if len(verbs) > 1 {
					fmt.Fprintf(a.stderr, "# %s\n", v)
				}
				fmt.Fprint(a.stdout, p)
			}
			return nil
		},
	}
}
