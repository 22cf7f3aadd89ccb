package main

import (
	"bufio"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/recordjson"
)

func (a *app) catCmd() *cobra.Command {
	k := &keyFlags{}
	c := &cobra.Command{
		Use: "cat ARCHIVE [KIND…]", Short: "Every record as a line of JSON",
		Long: `Writes every record, or those of the given kinds, as one JSON object a line, with "kind" first.
Fields are those of the schema. Bytes are base64; where they are JSON or text, the readable form
stands beside them under the same name with "_text". 64-bit integers are JSON numbers: read them
with a reader that keeps them. ` + "`exitramp schema`" + ` writes the JSON Schemas.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.cat(c.Context(), args[0], args[1:], k)
		},
	}
	k.add(c)
	return c
}

func (a *app) cat(ctx context.Context, path string, kinds []string, k *keyFlags) error {
	src, err := a.source(ctx, path, k)
	if err != nil {
		return err
	}
	defer src.Close()
	var ro *agentstate.ReadOptions
	if len(kinds) > 0 {
		ro = &agentstate.ReadOptions{Kinds: kinds}
	}
	w := bufio.NewWriterSize(a.stdout, 1<<16)
	var line []byte
	seen := map[string]uint64{}
	for r, err := range src.Records(ctx, ro) {
		if err != nil {
			w.Flush()
			return err
		}
		kind := agentstate.KindOf(r)
		seen[kind]++
		if kind == "mark" || len(kinds) > 0 && !slices.Contains(kinds, kind) {
			continue
		}
		line = recordjson.Append(line[:0], r)
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return checkKinds(kinds, seen)
}

// checkKinds refuses words that are no kinds of this release and none of the archive.
func checkKinds(kinds []string, have map[string]uint64) error {
	for _, k := range kinds {
		if _, ok := have[k]; !ok && !slices.Contains(agentstate.Kinds(), k) {
			return noKind(k)
		}
	}
	return nil
}

// stateKinds refuses words that are no kinds of state.
func stateKinds(kinds []string) error {
	for _, k := range kinds {
		if !slices.Contains(agentstate.StateKinds(), k) {
			return noKind(k)
		}
	}
	return nil
}

// noKind refuses a word that is no kind.
func noKind(k string) error {
	return usagef("no kind %q; kinds are %s", k, strings.Join(agentstate.StateKinds(), ", "))
}
