package main

import (
	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/unpack"
)

// completing tells whether a shell asks for what may follow: its last word may be empty, and no file is made.
func completing(c *cobra.Command) bool {
	return c.Name() == cobra.ShellCompRequestCmd || c.Name() == cobra.ShellCompNoDescRequestCmd
}

// completions gives the words that options and arguments may have. What is not named here is completed with files.
func completions(root *cobra.Command) {
	forms := []string{}
	for _, f := range unpack.Forms() {
		forms = append(forms, string(f))
	}
	words := map[string][]string{
		"progress": {"auto", "plain", "json", "none"}, "secrets": {"label", "redact", "refuse", "off"}, "as": forms,
		"derivation": {"provided", "observed", "inferred", "system"}, "kinds": agentstate.StateKinds(), "only-kind": agentstate.StateKinds(),
	}
	for _, c := range append(root.Commands(), root) {
		for name, w := range words {
			if c.Flags().Lookup(name) != nil || c.PersistentFlags().Lookup(name) != nil {
				_ = c.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(w, cobra.ShellCompDirectiveNoFileComp)) // never fails: it is there, and once
			}
		}
		if c.Name() == "cat" || c.Name() == "list" {
			c.ValidArgsFunction = kindsBehind
		}
	}
}

// kindsBehind completes an archive, and the kinds behind it.
func kindsBehind(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return agentstate.StateKinds(), cobra.ShellCompDirectiveNoFileComp
}
