package fidelity

import (
	"context"
	"slices"
	"strings"

	"github.com/exitramp/exitramp/context/agentstate"
)

// Paths are the fields of r at which it holds something, as in Loss.Path, native columns left out:
// what a target that writes r from its mapped fields has to account for.
func Paths(r agentstate.Record) []string {
	p := newPaths()
	f := newFlattener(context.Background(), nil, p, nil)
	f.message(r.ProtoReflect(), root)
	var out []string
	for _, id := range f.used {
		if !p.native(id) {
			out = append(out, p.names[id])
		}
	}
	slices.Sort(out)
	return out
}

// Lost are the losses of a target that writes r from its mapped fields and keeps none of them
// but those of kept. A path stands for all below it: "parts" for "parts.text".
func Lost(r agentstate.Record, why string, kept ...string) []Loss {
	var out []Loss
	for _, p := range Paths(r) {
		if !slices.ContainsFunc(kept, func(k string) bool { return p == k || strings.HasPrefix(p, k+".") }) {
			out = append(out, Loss{Key: r.GetMeta().GetKey(), Path: p, Grade: Dropped, Why: why})
		}
	}
	return out
}
