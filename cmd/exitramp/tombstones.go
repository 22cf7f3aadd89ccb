package main

import (
	"context"
	"os"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
	pb "github.com/exitramp/exitramp/proto/exitramp/v1"
)

// tombstones are the keys that must not come back: of the tombstones in archives, and of the lines
// of other files.
func (a *app) tombstones(ctx context.Context, from []string, k *keyFlags) ([]string, error) {
	var out []string
	for _, path := range from {
		if !isArchive(path) {
			keys, err := readKeys(path)
			if err != nil {
				return nil, err
			}
			out = append(out, keys...)
			continue
		}
		keys, err := a.graves(ctx, path, k)
		if err != nil {
			return nil, err
		}
		out = append(out, keys...)
	}
	return out, nil
}

func (a *app) graves(ctx context.Context, path string, k *keyFlags) ([]string, error) {
	r, err := a.openArchive(path, k)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var out []string
	for rec, err := range r.Records(ctx, &agentstate.ReadOptions{Kinds: []string{"tombstone"}}) {
		if err != nil {
			return nil, err
		}
		if t, ok := rec.(*pb.Tombstone); ok {
			out = append(out, t.OfKey)
		}
	}
	return out, nil
}

// readKeys are the lines of a file but for blank ones and those that begin with #.
func readKeys(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out, nil
}
