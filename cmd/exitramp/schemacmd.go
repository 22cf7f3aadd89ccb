package main

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/recordjson"
)

func (a *app) schemaCmd() *cobra.Command {
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use: "schema [KIND]", Short: "JSON Schemas of the lines that cat writes",
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			kinds := agentstate.Kinds()
			if len(args) > 0 {
				if !slices.Contains(kinds, args[0]) {
					return noKind(args[0])
				}
				kinds = args
			}
			if asJSON && out == "" {
				return usagef("--json is for --output FOLDER: a schema is JSON itself")
			}
			var files []string
			for _, k := range kinds {
				b, err := recordjson.Schema(k)
				if err != nil {
					return err
				}
				if out == "" {
					if _, err := a.stdout.Write(b); err != nil {
						return err
					}
					continue
				}
				if err := os.MkdirAll(out, 0o755); err != nil {
					return err
				}
				files = append(files, filepath.Join(out, k+".schema.json"))
				if err := writeFile(files[len(files)-1], b, 0o644); err != nil {
					return err
				}
			}
			if asJSON {
				return a.printJSON(map[string]any{"files": files})
			}
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write a file a kind into `FOLDER`")
	c.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "out" { // what it was called
			name = "output"
		}
		return pflag.NormalizedName(name)
	})
	c.Flags().BoolVar(&asJSON, "json", false, "with -o: the files, as JSON")
	return c
}
