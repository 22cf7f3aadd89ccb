package main

import (
	"context"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/exporters/exportertest"
)

func TestDriver(t *testing.T) {
	exportertest.Run(t, exportertest.Harness{
		Open: func(context.Context) (agentstate.Source, error) { return graph{"testdata/memory.jsonl"}, nil },
	})
}
