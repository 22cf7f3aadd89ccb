package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/exporters/agentcore"
)

// permissionsCmd prints what a person gives to whoever runs the verbs.
func (a *app) permissionsCmd() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
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
			all := map[string]json.RawMessage{}
			for _, v := range verbs {
				p, err := agentcore.Policy(v)
				if err != nil {
					return usagef("%v", err)
				}
				if all[v] = json.RawMessage(p); asJSON {
					continue
				}
				if len(verbs) > 1 {
					fmt.Fprintf(a.stderr, "# %s\n", v)
				}
				fmt.Fprint(a.stdout, p)
			}
			if asJSON {
				return a.printJSON(all)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object, by verb")
	return c
}
