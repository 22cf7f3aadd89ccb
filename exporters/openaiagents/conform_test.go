package openaiagents

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/exitramp/exitramp/context/agentstate"
	"github.com/exitramp/exitramp/context/replay"
	"github.com/exitramp/exitramp/exporters/exportertest"
	"github.com/exitramp/exitramp/internal/loadtest"
)

// TestConformance is what every driver has to pass.
func TestConformance(t *testing.T) {
	exportertest.Run(t, exportertest.Harness{
		Brief: loadtest.Of(true, false),
		Open:  func(context.Context) (agentstate.Source, error) { return Open("testdata/sdk"), nil },
		Target: func(context.Context) (replay.Target, error) {
			return Open(filepath.Join(t.TempDir(), "target")), nil
		},
	})
}
