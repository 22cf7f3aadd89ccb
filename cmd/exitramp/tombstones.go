package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/exitramp/exitramp/context/derive"
	"github.com/exitramp/exitramp/internal/keyfile"
)

// addTombstones adds --tombstones.
func addTombstones(c *cobra.Command, to *[]string) {
	c.Flags().StringArrayVar(to, "tombstones", nil, "what must not come back: an `ARCHIVE` with tombstones, or a file of keys, one a line; may be given again")
}

// tombstones are the keys that must not come back: of the tombstones in archives, and of the lines
// of other files.
func (a *app) tombstones(ctx context.Context, from []string, k *keyFlags) ([]string, error) {
	var out []string
	for _, path := range from {
		if !isArchive(path) {
			keys, err := keyfile.ReadKept(path)
			if err != nil {
				return nil, err
			}
			out = append(out, keys...)
			continue
		}
		keys, err := a.tombstonesOf(ctx, path, k)
		if err != nil {
			return nil, err
		}
		out = append(out, keys...)
	}
	return out, nil
}

func (a *app) tombstonesOf(ctx context.Context, path string, k *keyFlags) ([]string, error) {
	r, err := a.openArchive(path, k)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	defer func(before int) { a.archives = a.archives[:before] }(len(a.archives) - 1) // all of it was read
	out, err := derive.TombstoneKeys(ctx, r)
	if errors.Is(err, derive.ErrNoTombstones) {
		return nil, withHint(usagef("%s has no tombstones: it names nothing", path), "those are in what exitramp derive --exclude-subject wrote; keys stand in a file, one a line")
	}
	if err != nil {
		return nil, named(archivePath(path), err)
	}
	return out, nil
}
