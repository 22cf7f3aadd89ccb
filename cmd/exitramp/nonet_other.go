//go:build !linux

package main

import (
	"context"

	"github.com/exitramp/exitramp/context/drill"
	"github.com/exitramp/exitramp/context/evidence"
)

// withoutNetwork cannot keep a process from the network here.
func (a *app) withoutNetwork(context.Context, *drill.Plan, string) (done bool, block evidence.Block, err error) {
	return false, evidence.Block{Method: "no source driver opened", Probe: "this system has no network namespaces"}, nil
}

func (a *app) blocked(context.Context, *drill.Plan, string) (evidence.Block, []byte) {
	return evidence.Block{Method: "no source driver opened", Probe: "this system has no network namespaces"}, nil
}
